"""How Alembic reaches the database. What to run, and when, lives in the package around it; the steps, in `versions`.

`stemma.store.migrations` hands over a connection, so no URL and no password stands in a file.
"""

from __future__ import annotations

from alembic import context

from stemma.store.migrations import compare_options

context.configure(connection=context.config.attributes["connection"], **compare_options())
with context.begin_transaction():
    context.run_migrations()
