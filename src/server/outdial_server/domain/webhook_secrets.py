"""The secrets of one endpoint, sealed: what its requests are signed with."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

SECRET_OVERLAP: Final = timedelta(hours=24)
"""How long the secret before a rotation signs, too."""


@dataclass(frozen=True, slots=True)
class SealedSecrets:
    """What requests are signed with. The previous one does so until its moment."""

    current: str
    previous: str | None = None
    previous_until: datetime | None = None

    def at(self, now: datetime) -> tuple[str, ...]:
        """Those that sign, the newest first."""
        if self.previous is None or self.previous_until is None or self.previous_until <= now:
            return (self.current,)
        return (self.current, self.previous)

    def rotated(self, sealed: str, now: datetime) -> "SealedSecrets":
        return SealedSecrets(sealed, self.current, now + SECRET_OVERLAP)
