"""Prometheus: what telemetry and the store's figures look like to a scraper."""

from outdial_server.adapters.metrics.figures import FiguresCollector
from outdial_server.adapters.metrics.loop_lag import LoopLag
from outdial_server.adapters.metrics.scrape import Scrape, server_registry, tell_build
from outdial_server.adapters.metrics.telemetry import PrometheusTelemetry

__all__ = [
    "FiguresCollector",
    "LoopLag",
    "PrometheusTelemetry",
    "Scrape",
    "server_registry",
    "tell_build",
]
