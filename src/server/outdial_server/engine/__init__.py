"""The loops that dial, and the one that tells. Each is a thin `tick`; what is decided is in
the domain, what is true is in the store."""

from outdial_server.engine.deliverer import Delivery
from outdial_server.engine.engine import Engine, EngineSettings
from outdial_server.engine.obstacles import Obstacles
from outdial_server.engine.queues import GatheredReports

__all__ = ["Delivery", "Engine", "EngineSettings", "GatheredReports", "Obstacles"]
