"""The stores: Postgres, vectors (Qdrant), marts (DuckDB), and the embedded Postgres."""
