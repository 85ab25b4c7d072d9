"""Time."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The present, aware and in UTC. Never goes backwards by more than a clock
        correction does; nothing may depend on two readings being different."""
        ...
