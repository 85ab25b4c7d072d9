"""After a failover to a database that may not know of the last calls: nobody is dialled until
the carriers have said whom they called.

PostgreSQL that replicates asynchronously may lose its last commits with its primary. Whoever
was called by one of them still waits by what the new primary knows, and would be called again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from outdial_server.domain.gates import SERVER, GateAnswer

CALLED_BEFORE_FAILOVER: Final = "CALLED_BEFORE_FAILOVER"
"""Why a row ends SKIPPED to whose number a carrier has a call that the database does not know."""

FAILOVER: Final = "FAILOVER"
"""The reason of the obstacle."""

HELD_BACK: Final = GateAnswer("engine", 0, FAILOVER, waits_for=SERVER)
"""What every server's engine says to whoever is to be dialled."""

DOUBT_MARGIN: Final = timedelta(minutes=1)
"""How long before the last moment that the database knows of its calls are doubted, too: servers
and carriers have clocks of their own."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """All moments are the store's."""

    begun_at: datetime
    # From when on there may have been calls that the database does not know.
    doubt_from: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Listing:
    """What came of asking one account at a carrier for its calls."""

    # It could not be asked, or not now.
    failed: bool = False
    # Calls that the database does not know and that are not over: they hold lines that no slot
    # is held for.
    live: int = 0


def is_resolved(
    quarantine: Quarantine,
    listings: Sequence[Listing],
    settle: timedelta,
    *,
    had_claims: bool,
) -> bool:
    """`settle` is how long a request may be on its way and a carrier's list behind. `had_claims`:
    when the lists were asked for, somebody was claimed that they may name."""
    if had_claims or quarantine.now - quarantine.begun_at < settle:
        return False
    return not any(listing.failed or listing.live for listing in listings)
