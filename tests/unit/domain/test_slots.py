"""How slots are shared out, and the ledger's arithmetic."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.slots import (
    FLOOR_PERCENT,
    ScopeKind,
    SharedLimit,
    SlotOwners,
    SlotRow,
    SlotScope,
    Wish,
    free_in_all,
    hard_cap_after,
    scopes_of,
    share,
    share_within,
)


def wishes(
    priorities: st.SearchStrategy[int], held: st.SearchStrategy[int]
) -> st.SearchStrategy[list[Wish]]:
    wish = st.tuples(priorities, st.integers(1, 20), held, st.integers(0, 60))
    return st.lists(wish, max_size=8).map(
        lambda rows: [Wish(key, *row) for key, row in enumerate(rows)]
    )


ANY_WISHES = wishes(st.integers(0, 9), st.integers(0, 30))
FREE = st.integers(0, 200)


@given(FREE, ANY_WISHES)
def test_nobody_gets_more_than_it_wants_and_nothing_is_left_over(
    free: int, asked: list[Wish]
) -> None:
    grants = share(free, asked)
    assert set(grants) == {wish.key for wish in asked}
    assert all(0 <= grants[wish.key] <= wish.wanted for wish in asked)
    assert sum(grants.values()) == min(free, sum(wish.wanted for wish in asked))


@given(FREE, ANY_WISHES)
def test_lower_priorities_get_their_floor_and_beyond_it_only_what_higher_ones_leave(
    free: int, asked: list[Wish]
) -> None:
    grants = share(free, asked)
    top = max((wish.priority for wish in asked if wish.wanted), default=0)
    lower = [wish for wish in asked if wish.priority < top]
    floor = (free + sum(w.held for w in asked)) * FLOOR_PERCENT // 100
    owed = max(0, floor - sum(wish.held for wish in lower))
    got = sum(grants[wish.key] for wish in lower)
    assert got >= min(owed, free, sum(wish.wanted for wish in lower))
    hungry = [w for w in asked if w.priority == top and grants[w.key] < w.wanted]
    assert not hungry or got <= owed


@given(FREE, ANY_WISHES)
def test_between_two_lower_priorities_the_higher_is_served_first_beyond_the_floor(
    free: int, asked: list[Wish]
) -> None:
    grants = share(free, asked)
    floor = (free + sum(w.held for w in asked)) * FLOOR_PERCENT // 100
    for one, other in combinations(asked, 2):
        high, low = sorted((one, other), key=lambda w: -w.priority)
        if high.priority > low.priority and grants[high.key] < high.wanted:
            assert grants[low.key] <= floor


@given(FREE, wishes(st.integers(0, 2), st.integers(0, 30)))
def test_among_equals_nobody_gets_a_slot_that_was_more_due_to_another(
    free: int, asked: list[Wish]
) -> None:
    """Whoever was given a slot holds no more for its weight than a hungry one would hold
    with one slot more: so shares differ by less than a slot."""
    grants = share(free, asked)
    for hungry in (w for w in asked if grants[w.key] < w.wanted):
        with_one_more = (hungry.held + grants[hungry.key] + 1) / hungry.weight
        equals = [w for w in asked if w.priority == hungry.priority]
        for served in (w for w in equals if grants[w.key]):
            assert (served.held + grants[served.key]) / served.weight <= with_one_more


@given(FREE, wishes(st.just(3), st.just(0)))
def test_among_equals_from_nothing_each_is_within_one_slot_of_its_weight_s_share(
    free: int, asked: list[Wish]
) -> None:
    insatiable = [Wish(w.key, w.priority, w.weight, 0, free) for w in asked]
    grants = share(free, insatiable)
    for one, other in combinations(insatiable, 2):
        fair = grants[one.key] / one.weight * other.weight
        most = max(1, other.weight / one.weight)
        assert abs(grants[other.key] - fair) <= most + 1e-9


def test_one_of_low_priority_moves_on_beside_a_big_one() -> None:
    big, small = Wish(1, 9, 1, held=95, wanted=1000), Wish(2, 0, 1, held=0, wanted=1000)
    assert share(5, [big, small]) == {1: 0, 2: 5}
    assert share(5, [big, Wish(2, 0, 1, held=5, wanted=1000)]) == {1: 5, 2: 0}


def test_what_the_floor_gave_counts_when_the_rest_is_shared() -> None:
    top, one, other = Wish(1, 9, 1, 0, 20), Wish(2, 0, 1, 0, 5), Wish(3, 0, 1, 0, 5)
    assert share(22, [top, one, other]) == {1: 20, 2: 1, 3: 1}


def test_weights_divide_the_slots() -> None:
    asked = [Wish(1, 0, 3, 0, 100), Wish(2, 0, 1, 0, 100)]
    assert share(40, asked) == {1: 30, 2: 10}


# --- the ledger ----------------------------------------------------------------


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


@given(FREE, ANY_WISHES, st.data())
def test_batches_of_one_limit_share_what_it_has_left_and_the_others_get_the_rest(
    free: int, asked: list[Wish], data: st.DataObject
) -> None:
    of_limit = data.draw(st.lists(st.sampled_from(asked), unique=True)) if asked else []
    keys = [wish.key for wish in of_limit]
    limit = SharedLimit(data.draw(st.integers(0, 40)), keys)
    grants = share_within(free, asked, [limit])
    assert all(0 <= grants[wish.key] <= wish.wanted for wish in asked)
    got = sum(grants[key] for key in keys)
    assert got <= limit.left or not keys
    # Whoever is hungry stands at a limit: the free slots, or the one that is shared.
    hungry = [w for w in asked if grants[w.key] < w.wanted]
    full = sum(grants.values()) == free
    assert full or all(w.key in keys for w in hungry)
    assert full or not hungry or got == limit.left
