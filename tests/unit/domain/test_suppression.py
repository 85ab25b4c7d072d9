"""The do-not-call list: what is asked of a request, and what a second entry changes."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain import limits
from outdial_server.domain.account import AccountRules
from outdial_server.domain.checks import Checks
from outdial_server.domain.claims import (
    Candidate,
    ClaimPlan,
    plan_claims,
    row_gates,
    suppression_gate,
)
from outdial_server.domain.suppression import (
    SUPPRESSED,
    SuppressionFields,
    check_suppressions,
    renewed,
)
from support.clock import START
from support.domain import MOMENTS, a_batch

FIELDS = st.builds(
    SuppressionFields, st.sampled_from(["", "list"]), st.just(""), st.none() | MOMENTS
)


def checked(*addresses: str, **fields: object) -> tuple[tuple[str, ...], list[str]]:
    checks = Checks()
    normal = check_suppressions(checks, addresses, SuppressionFields(**fields), START)  # type: ignore[arg-type]
    return normal, [violation.field for violation in checks.violations]


def test_addresses_are_taken_in_normal_form_each_once_in_their_order() -> None:
    normal, faults = checked("+1 555 2", "SIP:a@B.net", "+1-555-1", "+15552")
    assert (normal, faults) == (("+15552", "sip:a@b.net", "+15551"), [])


def test_every_fault_is_named() -> None:
    _, faults = checked("+15551", "5551", "", source="x" * 65, reason="x" * 201, expires_at=START)
    assert faults == ["addresses[1]", "addresses[2]", "source", "reason", "expire_time"]


@pytest.mark.parametrize("count", [0, limits.SUPPRESSIONS_PER_REQUEST_MAX + 1])
def test_a_request_has_one_to_ten_thousand_addresses(count: int) -> None:
    assert checked(*["+15551"] * count)[1] == ["addresses"]


@given(FIELDS, FIELDS, MOMENTS)
def test_a_second_entry_never_lets_anybody_be_dialled_earlier(
    before: SuppressionFields, after: SuppressionFields, at: datetime
) -> None:
    def holds(fields: SuppressionFields) -> bool:
        return fields.expires_at is None or at < fields.expires_at

    both = renewed(before, after)
    assert holds(both) == (holds(before) or holds(after))
    assert (both.source, both.reason) == (after.source, after.reason)


def test_whoever_is_on_the_list_is_skipped_for_good_and_costs_nothing() -> None:
    later = START + timedelta(hours=1)
    listed = Candidate(1, START, 0, suppressed=True)
    listed_and_early = Candidate(2, later, 0, suppressed=True)
    free = Candidate(3, START, 0)
    gates = row_gates(a_batch(), AccountRules(has_suppressions=True))
    plan = plan_claims([listed, listed_and_early, free], 1, gates, START)
    assert plan == ClaimPlan((free,), (), ((listed, SUPPRESSED), (listed_and_early, SUPPRESSED)))


def test_the_gate_says_why() -> None:
    answer = suppression_gate(Candidate(1, START, 0, suppressed=True), START)
    assert (answer.gate, answer.reason, answer.is_for_good) == ("suppression", SUPPRESSED, True)


def test_a_list_without_entries_has_no_gate() -> None:
    assert suppression_gate not in row_gates(a_batch(), AccountRules())
