"""What exists: Dagster assets and their checks. They declare and call; the work itself lives in `stemma`."""
