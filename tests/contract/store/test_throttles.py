"""Throttles, and that batches are dialled through them."""

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from outdial_server.domain.errors import (
    AlreadyExistsError,
    NotFoundError,
    OutdialError,
    PreconditionError,
    Reason,
)
from outdial_server.domain.ids import ThrottleId
from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.domain.throttle import Throttle, ThrottleFields, ThrottleRule
from outdial_server.storage.encoding import moment
from outdial_server.storage.verbs.call_texts import ParsedAgents
from outdial_server.storage.verbs.claiming import claim
from outdial_server.storage.verbs.sending import mark_sending
from support.invariants import check_invariants
from support.statements import said_by
from support.stores import NO_ID, World, all_pages, ended, not_sent, report, unclear

SECOND = timedelta(seconds=1)


async def make(world: World, *rules: tuple[int, float], name: str = "slow") -> Throttle:
    listed = tuple(ThrottleRule(calls, timedelta(seconds=seconds)) for calls, seconds in rules)
    return await world.store.throttles.create_throttle(
        world.account_id, ThrottleId(world.ids.new_id()), ThrottleFields(name, listed)
    )


async def sent_moments(world: World) -> list[datetime]:
    rows = await world.sql("SELECT sent_us FROM calls WHERE sent_us IS NOT NULL ORDER BY sent_us")
    return [moment(us) for (us,) in rows]


def check_rule(moments: list[datetime], calls: int, window: timedelta) -> None:
    for first, behind in zip(moments, moments[calls:], strict=False):
        assert behind - first >= window, f"more than {calls} in {window}"


# --- as resources


async def test_a_throttle_is_read_as_it_was_made(world: World) -> None:
    made = await make(world, (2, 1), (100, 86_400), name="Süd")
    assert made.fields == ThrottleFields(
        "Süd", (ThrottleRule(2, SECOND), ThrottleRule(100, timedelta(days=1)))
    )
    store = world.store.throttles
    assert await store.get_throttle(world.account_id, made.throttle_id) == made
    listed, _ = await all_pages(lambda page: store.list_throttles(world.account_id, page))
    assert listed == [made]
    named, _ = await all_pages(lambda page: store.list_throttles(world.account_id, page, "x"))
    assert named == []


async def test_a_name_is_taken_once_in_an_account_and_free_after_deletion(world: World) -> None:
    made, other = await make(world, (1, 1)), await make(world, (1, 1), name="other")
    store = world.store.throttles
    for attempt in (
        make(world, (1, 1)),
        store.change_throttle(
            world.account_id, other.throttle_id, lambda t: ThrottleFields("slow", t.fields.rules)
        ),
    ):
        with pytest.raises(AlreadyExistsError) as refusal:
            await attempt
        assert refusal.value.reason is Reason.THROTTLE_NAME_TAKEN
    await store.delete_throttle(world.account_id, made.throttle_id)
    assert (await make(world, (1, 1))).throttle_id != made.throttle_id


async def test_a_throttle_of_another_account_is_not_found(world: World) -> None:
    stranger = await world.new_account()
    made = await make(world, (1, 1))
    store = world.store.throttles
    for account_id, throttle_id in [
        (stranger, made.throttle_id),
        (world.account_id, NO_ID),
        (world.account_id, "no uuid"),
    ]:
        for attempt in (
            store.get_throttle(account_id, ThrottleId(throttle_id)),
            store.delete_throttle(account_id, ThrottleId(throttle_id)),
            store.change_throttle(account_id, ThrottleId(throttle_id), lambda t: t.fields),
        ):
            with pytest.raises(NotFoundError) as refusal:
                await attempt
            assert refusal.value.reason is Reason.THROTTLE_NOT_FOUND


async def test_a_request_that_is_repeated_makes_one(world: World) -> None:
    request = world.request("r-1", surface="CreateThrottle")
    fields = ThrottleFields("slow", (ThrottleRule(1, SECOND),))
    first, again = [
        await world.store.throttles.create_throttle(
            world.account_id, ThrottleId(world.ids.new_id()), fields, request
        )
        for _ in range(2)
    ]
    assert again == first


async def test_a_batch_names_a_throttle_by_id_or_by_name_and_says_its_id(world: World) -> None:
    made = await make(world, (1, 1))
    for text in (made.throttle_id, "slow"):
        batch_id = await world.batch(throttle=text)
        assert (await world.get(batch_id)).settings.throttle == made.throttle_id
    for text in (NO_ID, "other"):
        with pytest.raises(NotFoundError) as refusal:
            await world.batch(throttle=text)
        assert refusal.value.reason is Reason.THROTTLE_NOT_FOUND
    batch_id = await world.batch()
    await world.edit(batch_id, throttle="slow")
    assert (await world.get(batch_id)).settings.throttle == made.throttle_id
    await world.edit(batch_id, throttle="")
    assert (await world.get(batch_id)).settings.throttle == ""
    with pytest.raises(OutdialError):
        await world.edit(batch_id, throttle="other")


async def test_a_throttle_that_is_named_is_not_deleted_before_its_batches_end(
    world: World,
) -> None:
    made = await make(world, (5, 1))
    batch_id = await world.batch(throttle="slow")
    store = world.store.throttles
    with pytest.raises(PreconditionError) as refusal:
        await store.delete_throttle(world.account_id, made.throttle_id)
    assert refusal.value.reason is Reason.THROTTLE_IN_USE
    await world.apply(*(ended(call) for call in await world.live()))
    await store.delete_throttle(world.account_id, made.throttle_id)
    assert (await world.get(batch_id)).settings.throttle == made.throttle_id


# --- dialling


async def test_no_more_are_claimed_than_the_window_holds_and_the_next_at_its_moment(
    world: World,
) -> None:
    await make(world, (2, 10))
    await world.batch(5, throttle="slow")
    assert len(await world.live()) == 2
    world.advance(seconds=4)
    claims = await world.store.dispatch.claim(10)
    assert (claims.calls, claims.more) == ((), False)
    assert claims.next_due_at == world.later(seconds=6)
    world.advance(seconds=6)
    assert len(await world.live()) == 2


async def test_all_rules_hold_at_once(world: World) -> None:
    await make(world, (2, 1), (3, 10))
    await world.batch(9, throttle="slow")
    taken = []
    for _ in range(12):
        taken.append(len(await world.live()))
        world.advance(seconds=1)
    assert taken == [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1]


async def test_batches_that_name_one_throttle_share_it(world: World) -> None:
    await make(world, (4, 10))
    batches = [await world.batch(5, throttle="slow") for _ in range(2)]
    free = await world.batch(3)
    calls = await world.claim()
    by_batch = [sum(call.batch_id == batch_id for call in calls) for batch_id in [*batches, free]]
    assert by_batch == [2, 2, 3]


async def test_sending_decides_whatever_was_claimed(world: World) -> None:
    made = await make(world, (5, 10))
    await world.batch(5, throttle="slow")
    claims = await world.claim()
    await world.store.throttles.change_throttle(
        world.account_id,
        made.throttle_id,
        lambda t: ThrottleFields("slow", (ThrottleRule(2, SECOND),)),
    )
    sent = await world.send(claims)
    assert (len(sent.calls), sent.given_back, sent.throttled) == (2, 3, True)
    assert await world.claim() == []
    await check_invariants(world.store)


async def test_claims_that_are_not_sent_yet_are_left_room_for(world: World) -> None:
    await make(world, (3, 10))
    await world.batch(9, throttle="slow")
    assert len(await world.claim(2)) == 2
    assert len(await world.claim()) == 1
    assert await world.claim() == []


async def test_a_call_that_was_not_sent_does_not_count(world: World) -> None:
    await make(world, (2, 60))
    await world.batch(3, throttle="slow")
    first, _ = await world.sending()
    world.advance(seconds=1)
    await world.apply(not_sent(first))
    assert len(await world.sending()) == 1
    await world.store.dispatch.claim(10)
    assert await world.claim() == []
    await check_invariants(world.store)


@pytest.mark.parametrize("kind", [ReportKind.NOT_PLACED, ReportKind.DIAL_AGAIN])
async def test_a_call_that_was_never_placed_as_it_turned_out_does_not_count(
    world: World, kind: ReportKind
) -> None:
    await make(world, (1, 3600))
    await world.batch(3, throttle="slow")
    (first,) = await world.sending()
    await world.apply(unclear(first))
    world.advance(minutes=1)
    assert await world.sending() == [], "it counts while nobody knows"
    assert (await world.apply(report(first, kind))).changed == 1
    assert len(await world.sending()) == 1
    assert await world.sending() == []
    assert await world.sql("SELECT total FROM throttles") == [(1,)]


async def test_a_call_of_which_nobody_knows_counts(world: World) -> None:
    await make(world, (1, 60))
    await world.batch(2, throttle="slow")
    (call,) = await world.sending()
    await world.apply(CallReport(call.call_id, ReportKind.UNCLEAR, fence=call.fence))
    assert await world.claim() == []


async def test_no_window_is_exceeded_whoever_sends_at_the_same_time(world: World) -> None:
    await make(world, (7, 2), (12, 5))
    for _ in range(3):
        await world.batch(40, throttle="slow")

    async def dial() -> None:
        for _ in range(6):
            await world.send(await world.claim(5))

    for _ in range(8):
        await asyncio.gather(dial(), dial(), dial())
        world.advance(milliseconds=700)
    moments = await sent_moments(world)
    assert len(moments) >= 12
    check_rule(moments, 7, 2 * SECOND)
    check_rule(moments, 12, 5 * SECOND)
    await check_invariants(world.store)


@pytest.mark.parametrize(("calls", "seconds"), [(1, 1), (10, 1), (30, 10)])
async def test_nearly_all_of_the_rate_is_used_when_woken_at_the_moments_it_names(
    world: World, calls: int, seconds: int
) -> None:
    await make(world, (calls, seconds))
    await world.batch(calls * 20, throttle="slow")
    begun = world.clock.now()
    span = timedelta(seconds=seconds * 12)
    sent = 0
    while world.clock.now() < begun + span:
        claims = await world.store.dispatch.claim(500)
        # As long as a claim and its SENDING may take.
        world.advance(milliseconds=5)
        let_go = (await world.send(claims.calls)).calls
        sent += len(let_go)
        await world.apply(*(ended(call) for call in let_go))
        if not claims.calls:
            assert claims.next_due_at is not None
            world.clock.move_to(claims.next_due_at)
    check_rule(await sent_moments(world), calls, seconds * SECOND)
    assert sent >= 0.97 * calls * 12


async def test_a_batch_without_a_throttle_costs_no_statement(world: World) -> None:
    await make(world, (5, 10))
    await world.batch(2)
    claims, claiming = await said_by(world.store, lambda tx: claim(tx, 9, ParsedAgents()))
    marked, sending = await said_by(world.store, lambda tx: mark_sending(tx, claims.calls))
    assert len(marked.sending) == 2
    assert not marked.throttled
    assert not [
        sql for sql in (*claiming, *sending) if "FROM throttle" in sql or "throttles SET" in sql
    ]


async def test_moments_of_a_full_window_are_apart(world: World) -> None:
    await make(world, (1, 1))
    await world.batch(3, throttle="slow")
    for _ in range(3):
        assert len(await world.live()) == 1
        world.advance(seconds=1)
    moments = await sent_moments(world)
    assert [late - early for early, late in pairwise(moments)] == [SECOND, SECOND]
