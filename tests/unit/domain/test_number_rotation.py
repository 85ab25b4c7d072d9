"""Which number each call shows."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.number_rotation import (
    CallerId,
    CarrierAccount,
    Choice,
    NumberPool,
    NumberRoom,
    OwnNumber,
    caller_id_of,
    choose_caller_ids,
    free_together,
    joined_pools,
)
from outdial_server.domain.rotation import Rotation
from outdial_server.domain.slots import ScopeKind, SlotRow, SlotScope
from outdial_server.domain.throttle import RuleUse, ThrottleRule, ThrottleUse

SECOND = timedelta(seconds=1)
OPENS = datetime(2026, 3, 1, tzinfo=UTC)
RANDOM, SEQUENTIAL, ROUND_ROBIN = Rotation.RANDOM, Rotation.SEQUENTIAL, Rotation.ROUND_ROBIN


def own(
    key: int,
    cap: int | None = None,
    used: int = 0,
    *,
    is_usable: bool = True,
    account: CarrierAccount | None = None,
) -> OwnNumber:
    slots = SlotRow(SlotScope(ScopeKind.PHONE_NUMBER, key), cap, cap, used)
    return OwnNumber(key, f"+1555000{key:04d}", is_usable, slots, account)


def carrier_account(
    key: int, cap: int | None = None, used: int = 0, rate: RuleUse | None = None, unsent: int = 0
) -> CarrierAccount:
    slots = SlotRow(SlotScope(ScopeKind.CARRIER_CONFIG, key), cap, cap, used)
    return CarrierAccount(slots, None if rate is None else ThrottleUse((rate,)), unsent)


def in_second(calls: int, used: int) -> RuleUse:
    return RuleUse(ThrottleRule(calls, SECOND), used, OPENS if used >= calls else None)


def never() -> float:
    raise AssertionError("only a random rotation draws")


def drawn(*numbers: float) -> Callable[[], float]:
    return iter(numbers).__next__


def choose(
    count: int, pool: NumberPool, draw: Callable[[], float] = never
) -> tuple[list[int | None], int | None]:
    """For rows that are bound to nothing: the numbers, and the state after."""
    choice = choose_caller_ids([None] * count, pool, NumberRoom(), draw)
    return keys(choice), choice.last


def keys(choice: Choice) -> list[int | None]:
    return [None if c is None or c.number is None else c.number.key for c in choice.caller_ids]


def pool(*numbers: OwnNumber, rotation: Rotation, last: int | None = None) -> NumberPool:
    return NumberPool(numbers, rotation, last)


# --- the difference between sequential and round robin


def test_round_robin_takes_the_next_number_for_each_call() -> None:
    assert choose(5, pool(own(1), own(2), own(3), rotation=ROUND_ROBIN)) == ([1, 2, 3, 1, 2], 2)


def test_sequential_stays_with_a_number_for_as_long_as_it_can_be_used() -> None:
    assert choose(5, pool(own(1), own(2), own(3), rotation=SEQUENTIAL)) == ([1] * 5, 1)


def test_sequential_moves_on_when_a_number_is_full_and_does_not_go_back_before_the_end() -> None:
    full_first = pool(own(1, cap=2), own(2, cap=2), own(3), rotation=SEQUENTIAL)
    assert choose(6, full_first) == ([1, 1, 2, 2, 3, 3], 3)
    first_is_free_again = pool(own(1, cap=2), own(2, cap=2), own(3, 1), rotation=SEQUENTIAL, last=3)
    assert choose(3, first_is_free_again) == ([3, 1, 1], 1)


def test_the_position_is_kept_from_one_claim_to_the_next() -> None:
    numbers = own(1), own(2), own(3)
    assert choose(1, pool(*numbers, rotation=ROUND_ROBIN, last=1)) == ([2], 2)
    assert choose(1, pool(*numbers, rotation=ROUND_ROBIN, last=3)) == ([1], 1)
    assert choose(1, pool(*numbers, rotation=SEQUENTIAL, last=2)) == ([2], 2)


def test_a_list_without_the_last_number_begins_anew() -> None:
    for rotation in (ROUND_ROBIN, SEQUENTIAL):
        assert choose(1, pool(own(1), own(2), rotation=rotation, last=9)) == ([1], 1)


def test_who_cannot_be_used_is_left_out() -> None:
    numbers = own(1, is_usable=False), own(2), own(3, cap=1, used=1), own(4)
    assert choose(3, pool(*numbers, rotation=ROUND_ROBIN)) == ([2, 4, 2], 2)
    assert choose(2, pool(*numbers, rotation=SEQUENTIAL)) == ([2, 2], 2)


def test_random_takes_the_number_that_is_drawn() -> None:
    numbers = own(1), own(2), own(3), own(4)
    chosen, _ = choose(3, pool(*numbers, rotation=RANDOM), drawn(0.0, 0.0, 0.999))
    assert chosen[0] == 1
    assert set(chosen) <= {1, 2, 3, 4}


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=400, max_size=400))
def test_each_draw_takes_one_of_all_and_each_number_has_its_draws(draws: list[float]) -> None:
    numbers = own(1), own(2), own(3), own(4)
    chosen, _ = choose(400, pool(*numbers, rotation=RANDOM), drawn(*draws))
    # A number a draw: as evenly spread as the draws are, whatever came before.
    assert len(chosen) == 400
    turned, expected, offset = [], [], 0
    for draw, key in zip(draws, chosen, strict=True):
        offset = (offset + int(draw * 4)) % 4
        turned.append(key)
        expected.append(offset + 1)
    assert turned == expected


# --- whatever the rotation


CAPS = st.none() | st.integers(0, 3)
RATES = st.none() | st.builds(in_second, st.integers(1, 3), st.integers(0, 3))
UNSENT = st.integers(0, 2)
NUMBERS = st.lists(st.tuples(CAPS, st.integers(0, 3), st.booleans()), max_size=6)


@st.composite
def pools(draw: st.DrawFn) -> NumberPool:
    accounts = [
        carrier_account(key, draw(CAPS), draw(st.integers(0, 3)), draw(RATES), draw(UNSENT))
        for key in range(2)
    ]
    numbers = [
        own(key, cap, used, is_usable=is_usable, account=draw(st.sampled_from([None, *accounts])))
        for key, (cap, used, is_usable) in enumerate(draw(NUMBERS), 1)
    ]
    last = draw(st.none() | st.integers(1, 7))
    return NumberPool(tuple(numbers), draw(st.sampled_from(Rotation)), last)


@st.composite
def wishes(draw: st.DrawFn, among: NumberPool) -> list[CallerId | None]:
    bound = [CallerId("+15559999999"), *(CallerId(n.address, n) for n in among.numbers)]
    return draw(st.lists(st.none() | st.sampled_from(bound), max_size=12))


@given(st.data(), st.randoms(use_true_random=False))
def test_no_number_is_given_more_calls_than_it_has_room_for(
    data: st.DataObject, random: object
) -> None:
    numbers = data.draw(pools())
    asked = data.draw(wishes(numbers))
    choice = choose_caller_ids(asked, numbers, NumberRoom(), random.random)  # type: ignore[attr-defined]
    taken = Counter(key for key in keys(choice) if key is not None)
    of_account: Counter[int] = Counter()
    for number in numbers.numbers:
        assert number.free is None or taken[number.key] <= number.free
        if number.account is not None:
            of_account[number.account.key] += taken[number.key]
    for account in {n.account.key: n.account for n in numbers.numbers if n.account}.values():
        assert account.free is None or of_account[account.key] <= account.free
    for wish, shown in zip(asked, choice.caller_ids, strict=True):
        if wish is not None:
            assert shown in (wish, None), "a row that is bound shows what it is bound to"
        elif shown is not None:
            assert shown.number in numbers.numbers
            assert shown.text == shown.number.address


@given(st.data(), st.randoms(use_true_random=False))
def test_nobody_is_left_out_while_there_is_room(data: st.DataObject, random: object) -> None:
    numbers = data.draw(pools())
    asked = data.draw(wishes(numbers))
    room = NumberRoom()
    choice = choose_caller_ids(asked, numbers, room, random.random)  # type: ignore[attr-defined]
    left_out = [w for w, shown in zip(asked, choice.caller_ids, strict=True) if shown is None]
    for wish in left_out:
        if wish is None:
            assert not any(room.has(number) for number in numbers.numbers)
        else:
            assert wish.number is not None
            assert not room.has(wish.number)


@given(pools())
def test_a_pool_serves_as_many_as_are_free_together(numbers: NumberPool) -> None:
    free = free_together(numbers.numbers)
    asked = 40 if free is None else free + 1
    served = _choice([None] * asked, numbers, 0.5).caller_ids
    assert sum(c is not None for c in served) == (asked if free is None else free)


@given(st.data())
def test_how_many_the_pool_serves_does_not_depend_on_chance(data: st.DataObject) -> None:
    numbers = data.draw(pools())
    asked = data.draw(wishes(numbers))
    served = [
        [shown is not None for shown in _choice(asked, numbers, draw).caller_ids]
        for draw in (0.0, 0.49, 0.99)
    ]
    assert served[0] == served[1] == served[2]


def _choice(asked: Sequence[CallerId | None], numbers: NumberPool, draw: float) -> Choice:
    return choose_caller_ids(asked, numbers, NumberRoom(), lambda: draw)


@given(pools(), st.integers(0, 20))
def test_round_robin_differs_by_one_at_most_while_nobody_is_full(
    numbers: NumberPool, count: int
) -> None:
    endless = [own(n.key, is_usable=n.is_usable) for n in numbers.numbers]
    chosen, _ = choose(count, NumberPool(tuple(endless), ROUND_ROBIN, numbers.last))
    usable = [n.key for n in endless if n.is_usable]
    if usable:
        calls = Counter(chosen)
        assert max(calls[k] for k in usable) - min(calls[k] for k in usable) <= 1


@given(pools(), st.integers(0, 12))
def test_claims_of_one_choose_as_one_claim_of_many(numbers: NumberPool, count: int) -> None:
    """The state that is kept is all that there is to keep."""
    if numbers.rotation is RANDOM:
        return
    at_once, _ = choose(count, numbers)
    one_by_one: list[int | None] = []
    last, more = numbers.last, Counter[SlotScope]()
    by_key = {number.key: number for number in numbers.numbers}
    for _ in range(count):
        now = tuple(_after(number, more) for number in numbers.numbers)
        (key,), last = choose(1, NumberPool(now, numbers.rotation, last))
        one_by_one.append(key)
        if key is not None:
            more.update(_scopes(by_key[key]))
    assert one_by_one == at_once


def _after(number: OwnNumber, more: Counter[SlotScope]) -> OwnNumber:
    """With so many calls more, of which none is sent."""
    account = number.account
    if account is not None:
        count = more[account.slot.scope]
        slot = replace(account.slot, used=account.slot.used + count)
        account = replace(account, slot=slot, unsent=account.unsent + count)
    slot = replace(number.slot, used=number.slot.used + more[number.slot.scope])
    return replace(number, slot=slot, account=account)


def _scopes(number: OwnNumber) -> list[SlotScope]:
    account = [] if number.account is None else [number.account.slot.scope]
    return [number.slot.scope, *account]


# --- what a row is bound to


def test_a_retry_keeps_its_number_unless_it_cannot_be_used() -> None:
    kept, other = CallerId("+15550000001", own(1)), CallerId("+15550000002", own(2))
    assert caller_id_of(kept, other) is kept
    assert caller_id_of(CallerId("+1555", own(1, cap=1, used=1)), None) is not None, (
        "full is usable"
    )
    gone = CallerId("+15550000001", own(1, is_usable=False))
    assert caller_id_of(gone, other) is other
    assert caller_id_of(gone, None) is None
    assert caller_id_of(None, gone) is gone, "one of its own is not changed for another"
    text = CallerId("+15559999999")
    assert caller_id_of(text, other) is text


# --- pools that have numbers in common


def test_what_is_free_together_counts_each_number_once() -> None:
    assert free_together([own(1, cap=3, used=1), own(2, cap=2), own(2, cap=2)]) == 4
    assert free_together([own(1, cap=3), own(2)]) is None
    assert free_together([own(1, cap=1, used=3), own(2, is_usable=False)]) == 0
    assert free_together([]) == 0


@given(st.lists(st.frozensets(st.integers(0, 8), max_size=4), max_size=8))
def test_pools_are_joined_by_the_numbers_that_they_share(sets: list[frozenset[int]]) -> None:
    listed = [
        (owner, NumberPool(tuple(own(key) for key in sorted(of_owner))))
        for owner, of_owner in enumerate(sets)
    ]
    joined = joined_pools(listed)
    assert sorted(owner for owners, _ in joined for owner in owners) == list(range(len(sets)))
    together = [{number.key for number in numbers} for _, numbers in joined]
    for at, one in enumerate(together):
        assert all(one.isdisjoint(other) for other in together[at + 1 :])
    for owners, numbers in joined:
        assert {n.key for n in numbers} == set().union(*(sets[owner] for owner in owners))
        if len(owners) > 1:
            for owner in owners:
                others = set().union(*(sets[o] for o in owners if o != owner))
                assert sets[owner] & others, "nobody is joined for nothing"


def test_pools_are_joined_by_the_carrier_configs_that_they_share() -> None:
    shared = carrier_account(9, cap=3)
    pools = [
        (1, pool(own(1, account=shared), rotation=RANDOM)),
        (2, pool(own(2), rotation=RANDOM)),
        (3, pool(own(3, account=shared), rotation=RANDOM)),
    ]
    joined = {frozenset(owners): numbers for owners, numbers in joined_pools(pools)}
    assert set(joined) == {frozenset({1, 3}), frozenset({2})}
    together = joined[frozenset({1, 3})]
    assert [number.key for number in together] == [1, 3]
    assert free_together(together) == 3


def test_a_number_says_when_the_rate_of_its_carrier_config_has_room_again() -> None:
    full = carrier_account(9, rate=in_second(2, 2))
    assert (own(1, account=full).free, own(1, account=full).opens_at) == (0, OPENS)
    assert own(1, cap=1, used=1, account=full).opens_at is None, "a call has to end first"
    claimed = carrier_account(9, rate=in_second(2, 1), unsent=1)
    assert (own(1, account=claimed).free, own(1, account=claimed).opens_at) == (0, None)
