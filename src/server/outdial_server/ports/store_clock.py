"""The clock that decides."""

from datetime import datetime
from typing import Protocol


class StoreClock(Protocol):
    async def read(self) -> datetime:
        """The moment by the store's clock, read between the call and its return. Raises
        UnavailableError."""
        ...
