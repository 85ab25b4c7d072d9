"""One scrape: figures read, then everything told."""

import platform
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Info, ProcessCollector, generate_latest

from outdial_server.adapters.metrics.figures import FiguresCollector


def server_registry() -> CollectorRegistry:
    """One of its own: the library's is global, and a process may hold several servers."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def tell_build(registry: CollectorRegistry, version: str, database: str) -> None:
    """What runs, for as long as it does."""
    build = Info("outdial_build", "What runs here.", registry=registry)
    build.info({"version": version, "python": platform.python_version(), "database": database})


@dataclass(frozen=True, slots=True)
class Scrape:
    registry: CollectorRegistry
    figures: FiguresCollector

    async def text(self) -> bytes:
        """In Prometheus's text format. Asks the database at most each few seconds."""
        await self.figures.refresh()
        return generate_latest(self.registry)
