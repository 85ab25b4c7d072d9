"""How long a call may be silent before somebody must look at it.

One moment a call, `trusted_until`: while a worker holds it, its lease; while the carrier
has it, the time until which no news is good news; while it is unknown, the next look-up.
"""

from datetime import datetime, timedelta
from typing import Final

from outdial_server.domain.call import CallState, CallTimes
from outdial_server.domain.medium import Medium

LEASE: Final = timedelta(seconds=15)
"""At the most; a server may be told to keep to less. From claim to SENDING: a worker that takes
longer has lost the call. And from there until it is recorded how the request ended: after it the
call is unknown."""


def carrier_deadline(lease: timedelta) -> timedelta:
    """Hard limit of one request to a carrier, connect to last byte. The rest of the lease is
    there to begin it, and to record how it ended."""
    return lease * 2 / 3


CARRIER_DEADLINE: Final = carrier_deadline(LEASE)
"""At the most."""

SILENCE_MARGIN: Final = timedelta(seconds=30)
"""How much later than promised a carrier's callback may come before we ask."""

_LOOKUP_FIRST: Final = timedelta(seconds=1)
_LOOKUP_MOST: Final = timedelta(minutes=5)

NOT_FOUND_FINAL_AFTER: Final = timedelta(seconds=30)
"""A carrier's "no such call" is believed this long after the request was let go: earlier
the request may still be on its way, or the carrier's list behind."""


def trusted_until(
    state: CallState, times: CallTimes, now: datetime, medium: Medium = Medium.OUTGOING
) -> datetime:
    if medium is Medium.WEBHOOK and state is not CallState.IN_PROGRESS:
        return join_deadline(state, times, now)
    if state is CallState.UNKNOWN:
        return now + _LOOKUP_FIRST
    if state is CallState.IN_PROGRESS:
        return now + times.max_duration + SILENCE_MARGIN
    return now + times.ring_timeout + SILENCE_MARGIN


def join_deadline(state: CallState, times: CallTimes, sent_at: datetime) -> datetime:
    """When a call that somebody else sees to is taken for one that nobody joins. Of an unknown
    one the request may have taken its time to arrive."""
    margin = SILENCE_MARGIN if state is CallState.UNKNOWN else timedelta(0)
    return sent_at + times.ring_timeout + margin


def next_lookup_at(lookups: int, now: datetime) -> datetime:
    """After `lookups` look-ups that settled nothing: 1 s, 2 s, 4 s ... at most 5 min."""
    doubled: timedelta = _LOOKUP_FIRST * (1 << min(lookups, 16))
    return now + min(doubled, _LOOKUP_MOST)


def presumed_over(sent_at: datetime, times: CallTimes, now: datetime) -> bool:
    return now >= over_at(sent_at, times)


def over_at(sent_at: datetime, times: CallTimes) -> datetime:
    """From when on a call sent at `sent_at` can no longer be alive, however long it rang and
    lasted. Carriers are told both limits."""
    return sent_at + times.ring_timeout + times.max_duration + 2 * SILENCE_MARGIN
