"""What Postgres says when it refuses, as one sentence with a next step. The calls that fail live in `postgres`.

Only the server's primary message is passed on: its detail may hold a whole row, and libpq's own words the URL.
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from adbc_driver_manager import Error as AdbcError

from stemma.errors import ConfigError, StoreError

# By SQLSTATE class or whole SQLSTATE (PostgreSQL manual, appendix A): what to do about it.
_NEXT_STEPS = {
    "53100": "Free some space on the disk of Postgres, then run the command again: nothing of this step was kept.",
    "53": "Close other programs that use this Postgres, then run the command again.",
    "57": "Run the command again: it goes on from the last finished step.",
    "08": "Run the command again: it goes on from the last finished step.",
    "40": "Another process worked on the same rows; run the command again.",
    "42501": "Give the role of the database URL the rights to create and write in the schema stemma.",
    "28": "Correct user and password in STEMMA_DATABASE_URL.",
    "58": "Look at the disk of Postgres, then run the command again: nothing of this step was kept.",
    "XX": "Look into the log of Postgres; `stemma doctor` says where it is.",
}
_LOST = ("no connection to the server", "server closed the connection", "connection not open", "SSL SYSCALL")


def check_url(url: str) -> sa.URL:
    """The parts of a database URL.

    Raises:
        ConfigError: it is not one of Postgres; the message does not show it, since it may hold a password.
    """
    hint = "Write it as postgresql://user:password@host:5432/database, special characters percent-encoded."
    try:
        parts = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # ValueError: a port that is no number
        raise ConfigError("The database URL (STEMMA_DATABASE_URL) is not a URL.", hint) from None
    if parts.get_backend_name() not in ("postgresql", "postgres"):
        kind = parts.get_backend_name()
        raise ConfigError(f"The database URL (STEMMA_DATABASE_URL) is one of {kind}, not of Postgres.", hint)
    return parts.set(drivername="postgresql")


def place_of(url: sa.URL) -> str:
    """Where a database is, without who asks: host:port/database."""
    return f"{url.host or 'localhost'}:{url.port or 5432}/{url.database or url.username or ''}"


def unreachable(error: AdbcError, url: sa.URL) -> StoreError:
    """The refusal to open a connection."""
    text, place = str(error), place_of(url)
    if "onnection refused" in text:
        return StoreError(f"Nothing listens at {place}.", "Start that Postgres, or correct STEMMA_DATABASE_URL.")
    if "translate host name" in text:
        return StoreError(f"The host of {place} is unknown.", "Correct STEMMA_DATABASE_URL.")
    if "timeout expired" in text or "timed out" in text:
        return StoreError(f"{place} does not answer.", "Look at the network, or correct STEMMA_DATABASE_URL.")
    if said := re.search(r"FATAL:\s+(.+)", text):  # the server's words, which hold no password
        sentence = said.group(1).strip().rstrip(".")
        return StoreError(f"Postgres at {place} lets nobody in: {sentence}.", _step_at_the_door(sentence))
    if "server certificate" in text or "SSL" in text:
        return StoreError(f"{place} cannot be reached by SSL.", "Correct sslmode in STEMMA_DATABASE_URL.")
    return StoreError(f"{place} cannot be reached with this URL.", "Correct STEMMA_DATABASE_URL.")


def _step_at_the_door(sentence: str) -> str:
    if "authentication" in sentence or "pg_hba" in sentence or "role" in sentence:
        return _NEXT_STEPS["28"]
    if "database" in sentence and "exist" in sentence:
        return "Create that database, or correct STEMMA_DATABASE_URL."
    if "starting up" in sentence or "shutting down" in sentence or "recovery" in sentence:
        return "Wait a moment, then run the command again."
    return _NEXT_STEPS["53"] if "clients" in sentence or "slots" in sentence else "Run `stemma doctor`."


def refused(error: AdbcError, url: sa.URL) -> StoreError:
    """The refusal of a statement."""
    text = str(error)
    if any(words in text for words in _LOST):
        return StoreError(f"Postgres at {place_of(url)} went away.", _NEXT_STEPS["08"])
    state = getattr(error, "sqlstate", None) or ""
    said = dict(error.details or []).get("PG_DIAG_MESSAGE_PRIMARY") or _primary_message(text)
    sentence = said.decode(errors="replace") if isinstance(said, bytes) else said
    step = _NEXT_STEPS.get(state) or _NEXT_STEPS.get(state[:2]) or "Run `stemma doctor`."
    return StoreError(f"Postgres refused: {sentence.strip().rstrip('.')}.", step)


def _primary_message(text: str) -> str:
    """The server's sentence out of the driver's, which also holds the statement and the detail."""
    found = re.search(r"(?:ERROR|FATAL|PANIC):\s+(.+)", text)
    return found.group(1) if found else text.splitlines()[0].split(" '", maxsplit=1)[0]
