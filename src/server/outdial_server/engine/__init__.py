"""The loops that dial. Each is a thin `tick`; what is decided is in the domain, what is
true is in the store."""

from outdial_server.engine.engine import Engine, EngineSettings
from outdial_server.engine.queues import GatheredReports

__all__ = ["Engine", "EngineSettings", "GatheredReports"]
