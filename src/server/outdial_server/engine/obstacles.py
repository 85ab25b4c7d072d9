"""The obstacles in a server's way, as whoever finds them tells."""

from collections.abc import Callable, Mapping

import structlog

from outdial_server.domain.obstacle import Obstacle
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry

log = structlog.get_logger()


class Obstacles:
    """None while the server may dial. One line of the log for each change, however often it
    is told the same."""

    def __init__(self, telemetry: Telemetry = NO_TELEMETRY) -> None:
        self._telemetry = telemetry
        self._met: dict[Obstacle, str] = {}
        self._followers: list[Callable[[], None]] = []

    @property
    def met(self) -> Mapping[Obstacle, str]:
        """With the reason of each, for programs."""
        return self._met

    @property
    def reason(self) -> str:
        """Of the first of them; empty without one."""
        return next(iter(self._met.values()), "")

    def __contains__(self, obstacle: Obstacle) -> bool:
        return obstacle in self._met

    def follow(self, changed: Callable[[], None]) -> None:
        """`changed` is called after each change; it must return at once."""
        self._followers.append(changed)

    def meet(self, obstacle: Obstacle, reason: str) -> None:
        if self._met.get(obstacle) == reason:
            return
        self._met[obstacle] = reason
        log.warning("dialling.held", obstacle=obstacle.value, reason=reason)
        self._tell(obstacle)

    def clear(self, obstacle: Obstacle) -> None:
        if obstacle not in self._met:
            return
        reason = self._met.pop(obstacle)
        log.warning("dialling.free", obstacle=obstacle.value, reason=reason)
        self._tell(obstacle)

    def _tell(self, obstacle: Obstacle) -> None:
        self._telemetry.obstacle_changed(obstacle, met=obstacle in self._met)
        for changed in self._followers:
            changed()
