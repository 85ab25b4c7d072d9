"""How free slots are shared out among batches."""

from collections import Counter
from dataclasses import replace
from itertools import combinations

from hypothesis import example, given
from hypothesis import strategies as st

from outdial_server.domain.sharing import (
    FLOOR_PERCENT,
    TURN,
    SharedLimit,
    Wish,
    in_turn,
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
def test_among_equals_nobody_is_a_whole_slot_above_or_below_its_share(
    free: int, asked: list[Wish]
) -> None:
    """Whoever was given a slot would hold less for its weight without the last one than a
    hungry one with one more."""
    grants = share(free, asked)
    for hungry in (w for w in asked if grants[w.key] < w.wanted):
        with_one_more = hungry.held + grants[hungry.key] + 1
        equals = [w for w in asked if w.priority == hungry.priority]
        for served in (w for w in equals if grants[w.key]):
            without_one = served.held + grants[served.key] - 1
            assert without_one * hungry.weight < with_one_more * served.weight


@given(st.integers(1, 30), st.lists(st.integers(1, 9), min_size=2, max_size=12))
@example(27, [7, 7, 8])
def test_by_turns_each_is_given_what_its_weight_asks_however_few_there_are_at_a_time(
    at_a_time: int, weights: list[int]
) -> None:
    """Nothing is ever held when the next are shared: calls as short as that."""
    asked = [Wish(key, 0, weight, 0, 1000) for key, weight in enumerate(weights)]
    given_to = Counter[int]()
    for rounds in range(1, 200):
        asked = in_turn(asked)
        grants = share(at_a_time, asked)
        asked = [replace(w, served=w.served_with(grants[w.key])) for w in asked]
        given_to.update(grants)
        for wish in asked:
            due = rounds * at_a_time * wish.weight / sum(weights)
            assert abs(given_to[wish.key] - due) <= len(weights)


def test_where_there_are_fewer_slots_than_batches_they_take_turns() -> None:
    first, second = Wish(1, 0, 1, 0, 9, served=TURN), Wish(2, 0, 1, 0, 9)
    assert share(1, [first, second]) == {1: 0, 2: 1}


@given(wishes(st.integers(0, 2), st.integers(0, 30)), st.data())
def test_whoever_comes_late_stands_at_most_two_turns_behind(
    asked: list[Wish], data: st.DataObject
) -> None:
    drawn = [replace(w, served=data.draw(st.integers(0, 50)) * TURN) for w in asked]
    before = {w.key: w for w in drawn}
    after = in_turn(drawn)
    assert {w.key for w in after} == set(before)
    for wish in after:
        equals = [w for w in drawn if w.priority == wish.priority]
        furthest = max(w.served for w in equals)
        assert wish == replace(before[wish.key], served=wish.served)
        assert before[wish.key].served <= wish.served <= furthest
        assert wish.served >= furthest - 2 * TURN // min(w.weight for w in equals)


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


@given(FREE, ANY_WISHES, st.data())
def test_of_many_limits_none_is_passed_and_nothing_is_left_that_somebody_could_use(
    free: int, asked: list[Wish], data: st.DataObject
) -> None:
    keys = st.lists(st.sampled_from([wish.key for wish in asked]), unique=True, min_size=1)
    each = st.builds(SharedLimit, st.integers(0, 40), keys)
    limits = data.draw(st.lists(each, max_size=4)) if asked else []
    grants = share_within(free, asked, limits)
    left = {id(limit): limit.left - sum(grants[key] for key in limit.keys) for limit in limits}
    assert all(n >= 0 for n in left.values())
    assert sum(grants.values()) <= free
    for wish in asked:
        assert 0 <= grants[wish.key] <= wish.wanted
        stands_at_one = any(left[id(limit)] == 0 for limit in limits if wish.key in limit.keys)
        assert grants[wish.key] == wish.wanted or stands_at_one or sum(grants.values()) == free


def test_what_one_limit_takes_from_a_batch_goes_to_those_who_share_its_other() -> None:
    both, one, other = (Wish(key, 0, 1, 0, 10) for key in range(3))
    grants = share_within(
        30, [both, one, other], [SharedLimit(10, [both.key, one.key]), SharedLimit(4, [0, 2])]
    )
    assert grants == {both.key: 2, one.key: 8, other.key: 2}
