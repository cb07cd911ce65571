"""Resources: they open what the library offers and hand out the plain object.

What those objects do lives in `stemma`.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from dagster import ConfigurableResource, InitResourceContext, ResourceDependency

from stemma.config import Settings, load_settings
from stemma.embed import open_embedder
from stemma.embed.base import Embedder
from stemma.errors import StoreError
from stemma.runs import hold_lock
from stemma.store import open_database
from stemma.store.postgres import Database
from stemma.store.vectors import NoVectors, Vectors, open_vectors


class SettingsResource(ConfigurableResource[Settings]):
    """The settings of the environment and `stemma.toml`."""

    def create_resource(self, context: InitResourceContext) -> Settings:
        return load_settings()


class DatabaseResource(ConfigurableResource[Database]):
    """Postgres, embedded or by URL, at the newest migration; a run also holds the run lock."""

    settings: ResourceDependency[Settings]

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Generator[Database, None, None]:
        with open_database(self.settings) as database:
            if context.run is None:  # a sensor or schedule looks, and changes nothing
                yield database
            else:
                with hold_lock(database):
                    yield database


class EmbedderResource(ConfigurableResource[Embedder]):
    """The embedder of the settings."""

    settings: ResourceDependency[Settings]

    def create_resource(self, context: InitResourceContext) -> Embedder:
        return open_embedder(self.settings)


class VectorsResource(ConfigurableResource[Vectors | NoVectors]):
    """Qdrant, Edge or a server; or why neither it nor the embedder can be had, for what goes on without."""

    settings: ResourceDependency[Settings]
    embedder: ResourceDependency[Embedder]

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Generator[Vectors | NoVectors, None, None]:
        try:
            vectors = open_vectors(self.settings, self.embedder)
        except StoreError as error:
            yield NoVectors(str(error))
            return
        with vectors:
            yield vectors


def resources() -> dict[str, Any]:
    """Every resource by the name that assets ask for."""
    settings = SettingsResource()
    database = DatabaseResource(settings=settings)
    embedder = EmbedderResource(settings=settings)
    return {
        "settings": settings,
        "database": database,
        "embedder": embedder,
        "vectors": VectorsResource(settings=settings, embedder=embedder),
    }
