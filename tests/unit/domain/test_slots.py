"""The ledger's arithmetic, and whom a call counts against."""

from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.slots import (
    ScopeKind,
    SlotOwners,
    SlotRow,
    SlotScope,
    free_in_all,
    hard_cap_after,
    scopes_of,
)


@given(st.none() | st.integers(0, 100), st.lists(st.sampled_from((-1, 1)), max_size=60))
def test_the_hard_cap_covers_what_is_used_and_follows_a_lowered_target_down(
    target: int | None, changes: list[int]
) -> None:
    used = 50
    before = hard_cap_after(target, used)
    for change in changes:
        free = SlotRow(SlotScope(ScopeKind.AGENT, 1), target, before, used).free
        if change < 0 or free is None or free > 0:
            used = max(0, used + change)
        cap = hard_cap_after(target, used)
        if target is None:
            assert cap is None
        else:
            assert cap is not None
            assert used <= cap
            assert cap >= target
            assert before is None or cap <= max(before, target)
        before = cap


@given(st.lists(st.tuples(st.none() | st.integers(0, 90), st.integers(0, 99))), st.integers(0, 50))
def test_what_is_free_in_all_scopes_is_free_in_each_and_never_more_than_asked(
    scopes: list[tuple[int | None, int]], most: int
) -> None:
    rows = [SlotRow(SlotScope(ScopeKind.AGENT, 1), cap, cap, used) for cap, used in scopes]
    free = free_in_all(rows, most)
    assert 0 <= free <= most
    assert all(row.free is None or free <= row.free for row in rows)


def test_scopes_come_in_the_order_in_which_they_are_locked() -> None:
    of_all = scopes_of(SlotOwners(1, 2, batch_key=3, carrier_config_key=4, phone_number_key=5))
    assert list(of_all) == sorted(of_all)
    assert [scope.kind for scope in of_all] == list(ScopeKind)
    assert [scope.owner for scope in of_all] == [1, 1, 2, 3, 4, 5]


def test_a_call_counts_in_no_scope_that_it_has_no_owner_in() -> None:
    direct = scopes_of(SlotOwners(account_key=1, agent_key=2))
    assert [scope.kind for scope in direct] == [ScopeKind.ACCOUNT, ScopeKind.AGENT]
    without_config = scopes_of(SlotOwners(1, 2, batch_key=3))
    assert [scope.kind for scope in without_config] == list(ScopeKind)[:4]
