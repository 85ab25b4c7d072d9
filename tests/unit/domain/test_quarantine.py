"""A quarantine is over when every account has said whom it called."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from outdial_server.domain.quarantine import Listing, Quarantine, is_resolved
from support.clock import START

SETTLE = timedelta(seconds=30)
AFTER = SETTLE
TOO_EARLY = SETTLE - timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("since", "listings", "had_claims", "resolved"),
    [
        (AFTER, [], False, True),
        (AFTER, [Listing(), Listing()], False, True),
        (TOO_EARLY, [Listing()], False, False),
        (AFTER, [Listing(), Listing(failed=True)], False, False),
        (AFTER, [Listing(live=1), Listing()], False, False),
        (AFTER, [Listing()], True, False),
    ],
)
def test_it_is_over_when_nothing_is_left_to_doubt(
    since: timedelta, listings: Sequence[Listing], *, had_claims: bool, resolved: bool
) -> None:
    quarantine = Quarantine(START, START - timedelta(minutes=1), START + since)
    assert is_resolved(quarantine, listings, SETTLE, had_claims=had_claims) == resolved
