"""How far two clocks are apart, as far as one that is asked from afar can tell."""

from datetime import datetime, timedelta
from typing import Final

OFFSET_MOST: Final = timedelta(seconds=5)
"""A server whose clock is further off its database's dials nobody."""


def least_offset(asked_at: datetime, told: datetime, answered_at: datetime) -> timedelta:
    """By how much the other clock is ahead of ours at least; negative where it is behind. It was
    read somewhere between the asking and the answer, however long that took: what this time
    explains is no offset."""
    # Ours may have been set back meanwhile.
    first, last = min(asked_at, answered_at), max(asked_at, answered_at)
    return told - min(max(told, first), last)
