"""Settings: `stemma.toml` < environment (`STEMMA_*`) < command line.

What a setting does lives in the room that reads it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from stemma.errors import ConfigError
from stemma.gate_settings import GatesSettings
from stemma.judge_settings import JudgeBudget, JudgeSettings

COMPONENTS = ("structural", "fingerprint", "lexical", "semantic")
"""Of the score of a match; what each is, is said in `match.scores`."""

CONFIG_FILE = "stemma.toml"
CONFIG_FILE_VARIABLE = "STEMMA_CONFIG_FILE"


def find_config_file(start: Path | None = None) -> Path | None:
    """`STEMMA_CONFIG_FILE`, or the nearest `stemma.toml` in `start` (default: the working directory) or above it."""
    if named := os.environ.get(CONFIG_FILE_VARIABLE):
        return Path(named)
    folder = (start or Path.cwd()).resolve()
    for candidate in (folder, *folder.parents):
        if (path := candidate / CONFIG_FILE).is_file():
            return path
    return None


class Settings(BaseSettings):
    """All of Stemma's settings. Every field is `STEMMA_<FIELD>` in the environment and `<field>` in `stemma.toml`."""

    model_config = SettingsConfigDict(
        env_prefix="STEMMA_", env_nested_delimiter="__", env_ignore_empty=True, extra="forbid", frozen=True
    )

    data_dir: Path = Field(
        default_factory=lambda: user_data_path("stemma"),
        description="Folder of everything Stemma stores: Postgres, vectors, marts, clones, spool.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="A Postgres >= 15 to use in place of the embedded one (postgresql://user:password@host/db).",
    )
    qdrant_url: str | None = Field(
        default=None, description="A Qdrant server to use in place of the embedded Qdrant Edge."
    )
    qdrant_api_key: SecretStr | None = Field(default=None, description="API key of that Qdrant server.")
    embedder: str = Field(default="static", description="`static` (built in), `fastembed:<model>` or `openai:<model>`.")
    openai_base_url: str = Field(
        default="http://127.0.0.1:11434/v1", description="OpenAI-compatible endpoint of the `openai:` embedder."
    )
    openai_api_key: SecretStr | None = Field(default=None, description="API key of that endpoint.")
    semantic_analyser: str = Field(
        default="offline",
        description="`offline` (built in), or `http:<url>`: the patterns' code is sent there, and nowhere else.",
    )
    semantic_api_key: SecretStr | None = Field(default=None, description="Bearer key of that analyser.")
    remote_timeout_s: float = Field(
        default=60.0, gt=0, description="Seconds one request to an outside embedder or analyser may take."
    )
    remote_cache_mib: int = Field(
        default=1024, gt=0, description="MiB of answers of outside embedders and analysers that are kept."
    )
    max_file_bytes: int = Field(
        default=5_000_000, gt=0, description="Files larger than this many bytes are named and not parsed."
    )
    parse_timeout_s: float = Field(default=10.0, gt=0, description="Seconds one file may take to parse.")
    workers: int = Field(default=0, ge=0, description="Processes for parsing and analysis; 0 means one per core.")
    match_threshold: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Pairs of patterns scoring at least this are copies; by default as calibrated, by their size.",
    )
    match_weights: Mapping[str, float] | None = Field(
        default=None,
        description="Weights of a match's components in place of the calibrated ones; they need a `match_threshold`.",
    )
    member_timeout_s: float = Field(
        default=300.0, gt=0, description="Seconds one batch of a quorum member may take; after that it abstains."
    )
    compliance_packs: tuple[Path, ...] = Field(
        default=(),
        description="Files or folders of an organisation's own rules, in Semgrep's YAML (docs/compliance.md).",
    )
    quorum_target_error: float = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        description="Of what the quorum accepts at most this share may be unfit, and of what it rejects be fit.",
    )
    judges: tuple[JudgeSettings, ...] = Field(
        default=(),
        description="LLM judges, a table each: `[[judges]]`. None by default; texts in doubt are sent there.",
    )
    judge_budget: JudgeBudget = Field(
        default=JudgeBudget(), description="What the judges may use in a day: `[judge_budget]`."
    )

    archive_after_days: int = Field(
        default=90, ge=0, description="Events of lineage older than this many days are archived, by whole months."
    )
    gates: GatesSettings = Field(
        default=GatesSettings(),
        description="The quality gates, a table each: `[gates.coverage]`, `STEMMA_GATES__COVERAGE__REPORT`.",
    )

    @field_validator("data_dir")
    @classmethod
    def _expand(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("judges")
    @classmethod
    def _name_apart(cls, value: tuple[JudgeSettings, ...]) -> tuple[JudgeSettings, ...]:
        if len({judge.name for judge in value}) < len(value):
            raise ValueError("two judges have one name")
        return value

    @field_validator("compliance_packs")
    @classmethod
    def _expand_each(cls, values: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(value.expanduser().absolute() for value in values)

    @field_validator("match_weights")
    @classmethod
    def _weigh(cls, value: Mapping[str, float] | None, others: ValidationInfo) -> Mapping[str, float] | None:
        if value is None:
            return None
        if not set(value) <= set(COMPONENTS):
            raise ValueError(f"the components are {', '.join(COMPONENTS)}")
        if min(value.values(), default=0) < 0 or sum(value.values()) <= 0:
            raise ValueError("weights are not negative, and not all 0")
        if others.data.get("match_threshold") is None:
            raise ValueError("they need a match_threshold beside them, for the calibrated one goes by other weights")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, find_config_file())


def load_settings(**overrides: Any) -> Settings:
    """Read the settings, command-line `overrides` (None means not given) first.

    Raises:
        ConfigError: a value is unusable; names the setting and the value's problem.
    """
    try:
        return Settings(**{key: value for key, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        # The environment holds a list as one JSON value.
        variable = "__".join(takewhile(lambda part: not part.isdigit(), name.upper().split(".")))
        raise ConfigError(
            f"The setting '{name}' cannot be used: {first['msg']}.",
            f"Mend STEMMA_{variable} in the environment or '{name}' in {CONFIG_FILE}.",
        ) from error
    except SettingsError as error:  # of the environment, what should be JSON and is not; it quotes no value
        raise ConfigError(f"The environment cannot be read: {error}.", "Set that variable to JSON.") from None
    except ValueError as error:  # TOML that does not parse
        raise ConfigError(f"{find_config_file()} is not valid TOML: {error}.", "Mend the file.") from error


def worker_count(settings: Settings) -> int:
    """Processes to use: the setting, or the cores this process may run on."""
    return settings.workers or len(os.sched_getaffinity(0))
