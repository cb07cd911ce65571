"""Where the Dagster side of Stemma is, and the environment its processes need.

What they do lives in `orchestration`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import sqlalchemy as sa

import stemma
from stemma.config import CONFIG_FILE_VARIABLE, Settings, find_config_file
from stemma.errors import ConfigError
from stemma.store.postgres import Database

DAGSTER_SCHEMA = "stemma_dagster"


def project_dir() -> Path:
    """The checkout that holds `orchestration/`: the one this package stands in, or the one we are in.

    Raises:
        ConfigError: there is none; only the library is installed here.
    """
    for folder in (Path(stemma.__file__).parent.parent, Path.cwd(), *Path.cwd().parents):
        if (folder / "orchestration" / "definitions.py").is_file():
            return folder
    raise ConfigError(
        "The Dagster assets are not here: only the library of Stemma is installed.",
        "Clone Stemma's repository and call `stemma` from inside it.",
    )


def environment(settings: Settings, database: Database) -> dict[str, str]:
    """This process's environment and what a Dagster process needs beside it; makes the folders and schema it names."""
    dagster_dir = settings.data_dir / "dagster"
    dagster_dir.mkdir(parents=True, exist_ok=True)
    _write_instance(dagster_dir / "dagster.yaml")
    database.execute(f"CREATE SCHEMA IF NOT EXISTS {DAGSTER_SCHEMA}")
    # dagster-postgres speaks the dialect of psycopg2, which SQLAlchemy 2.1 no longer takes unless it is named.
    url = sa.make_url(database.url).set(drivername="postgresql+psycopg2")
    url = url.update_query_dict({"options": f"-csearch_path={DAGSTER_SCHEMA}"})
    variables = {
        **os.environ,
        "DAGSTER_HOME": str(dagster_dir),
        "STEMMA_DAGSTER_DIR": str(dagster_dir),
        "STEMMA_DAGSTER_URL": url.render_as_string(hide_password=False),
        "STEMMA_DATA_DIR": str(settings.data_dir),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }
    if (config := find_config_file()) is not None:
        variables[CONFIG_FILE_VARIABLE] = str(config)
    return variables


def _write_instance(target: Path) -> None:
    """Put the instance's settings together from their two files; whole or not at all, for others may be reading."""
    parts = (project_dir() / "dagster.yaml", project_dir() / "deploy" / "storage.yaml")
    text = "".join(part.read_text() for part in parts)
    if target.exists() and target.read_text() == text:
        return
    aside = target.with_suffix(f".{os.getpid()}")
    aside.write_text(text)
    aside.replace(target)
