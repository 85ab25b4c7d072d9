"""Whether the database can be written."""

from typing import Protocol


class Pulse(Protocol):
    async def beat(self) -> None:
        """A small write. Raises UnavailableError (DATABASE_UNAVAILABLE, DATABASE_FULL,
        DATABASE_READ_ONLY)."""
        ...
