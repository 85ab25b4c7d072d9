"""What both ports say of the server's health."""

import asyncio

from outdial_server.api.server import GrpcServer
from outdial_server.domain.obstacle import Obstacle
from outdial_server.engine import Obstacles
from outdial_server.gateway import Health


class HealthTeller:
    """A server is ready while it is up and its database can be written; whether it dials is
    said apart: the other obstacles leave all that it answers as it is."""

    def __init__(self, obstacles: Obstacles, grpc: GrpcServer) -> None:
        self._obstacles = obstacles
        self._grpc = grpc
        self._is_up = False
        self._changed = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    def now(self) -> Health:
        met = {obstacle.value: reason for obstacle, reason in self._obstacles.met.items()}
        return Health(self._is_up and Obstacle.DATABASE not in self._obstacles, met)

    async def come_up(self) -> None:
        self._is_up = True
        self._obstacles.follow(self._changed.set)
        await self._tell()
        self._following = asyncio.create_task(self._follow(), name="outdial-health")

    def go_down(self) -> None:
        """gRPC says so by itself when it begins to drain."""
        self._is_up = False
        if self._following is not None:
            self._following.cancel()

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._tell()

    async def _tell(self) -> None:
        now = self.now()
        await self._grpc.tell_health(is_ready=now.is_ready, dials=not now.obstacles)
