"""Batches that are dialled through one carrier config share its rate."""

import asyncio
from datetime import datetime, timedelta

import pytest

from outdial_server.domain.carrier_config import CarrierRates
from outdial_server.domain.errors import NotFoundError
from outdial_server.domain.gates import GateAnswer
from outdial_server.domain.ids import ThrottleId
from outdial_server.domain.throttle import ThrottleFields, ThrottleRule
from outdial_server.storage.encoding import moment, unpack_id
from outdial_server.storage.verbs.call_texts import ParsedAgents
from outdial_server.storage.verbs.claiming import claim
from outdial_server.storage.verbs.sending import mark_sending
from support.carrier_configs import NO_DEFAULTS, change_config, gates, make_config
from support.invariants import check_invariants
from support.statements import said_by
from support.stores import World, all_pages, ended, not_sent

SECOND = timedelta(seconds=1)


async def add_throttle(world: World, *rules: tuple[int, float]) -> None:
    listed = tuple(ThrottleRule(calls, timedelta(seconds=seconds)) for calls, seconds in rules)
    await world.store.throttles.create_throttle(
        world.account_id, ThrottleId(world.ids.new_id()), ThrottleFields("slow", listed)
    )


async def counted_moments(world: World) -> list[datetime]:
    rows = await world.sql("SELECT rate_us FROM calls WHERE rate_us IS NOT NULL ORDER BY rate_us")
    return [moment(us) for (us,) in rows]


def check_windows(moments: list[datetime], calls: int, window: timedelta) -> None:
    for first, behind in zip(moments, moments[calls:], strict=False):
        assert behind - first >= window, f"more than {calls} in {window}"


async def test_no_more_are_claimed_than_the_rate_lets_go_and_the_next_at_its_moment(
    world: World,
) -> None:
    await make_config(world, rate=2)
    batch_id = await world.batch(5, carrier_config="main")
    assert len(await world.live()) == 2
    world.advance(milliseconds=400)
    claims = await world.store.dispatch.claim(10)
    assert (claims.calls, claims.more) == ((), False)
    assert claims.next_due_at == world.later(milliseconds=600)
    answer = (await gates(world, batch_id))["carrier_rate"]
    assert answer == GateAnswer(
        "carrier_rate",
        0,
        "CARRIER_RATE_REACHED",
        {"used": 2, "cap": 2, "window_ms": 1000},
        world.later(milliseconds=600),
    )
    world.advance(milliseconds=600)
    assert len(await world.live()) == 2


async def test_batches_of_one_config_share_its_rate(world: World) -> None:
    await make_config(world, rate=4)
    batches = [await world.batch(5, carrier_config="main") for _ in range(2)]
    free = await world.batch(3)
    calls = await world.claim()
    by_batch = [sum(call.batch_id == batch_id for call in calls) for batch_id in [*batches, free]]
    assert by_batch == [2, 2, 3]
    assert await world.claim() == [], "what is claimed and not sent is left room for"


async def test_a_throttle_and_a_rate_hold_at_once(world: World) -> None:
    await make_config(world, rate=2)
    await add_throttle(world, (3, 10))
    await world.batch(9, carrier_config="main", throttle="slow")
    await world.batch(9, carrier_config="main")
    taken = []
    for _ in range(3):
        calls = await world.live()
        taken.append(len(calls))
        world.advance(seconds=1)
    assert taken == [2, 2, 2]
    check_windows(await counted_moments(world), 2, SECOND)
    await check_invariants(world.store)


async def test_sending_decides_whatever_was_claimed(world: World) -> None:
    made = await make_config(world)
    await world.batch(5, carrier_config="main")
    claims = await world.claim()
    await change_config(world, made, rate=2)
    sent = await world.send(claims)
    assert (len(sent.calls), sent.given_back, sent.throttled) == (2, 3, True)
    assert await world.claim() == []
    await check_invariants(world.store)


async def test_a_rate_that_is_changed_holds_over_what_was_counted(world: World) -> None:
    made = await make_config(world, rate=3)
    await world.batch(9, carrier_config="main")
    assert len(await world.live()) == 3
    await change_config(world, made, rate=5)
    assert len(await world.live()) == 2
    await change_config(world, made)
    assert len(await world.live()) == 4
    await check_invariants(world.store)


async def test_a_call_that_was_not_sent_does_not_count_though_the_clock_was_set_back(
    world: World,
) -> None:
    await make_config(world, rate=2)
    await add_throttle(world, (3, 1))
    await world.batch(1, throttle="slow")
    await world.live()
    world.clock.move_to(world.later(seconds=-10))
    await world.batch(4, throttle="slow", carrier_config="main")
    first, _ = await world.sending()
    await world.apply(not_sent(first))
    await check_invariants(world.store)
    assert len(await world.sending()) == 1
    await check_invariants(world.store)


async def test_no_window_is_exceeded_whoever_sends_at_the_same_time(world: World) -> None:
    await make_config(world, rate=6.5)
    for _ in range(3):
        await world.batch(40, carrier_config="main")

    async def dial() -> None:
        for _ in range(4):
            await world.send(await world.claim(5))

    for _ in range(8):
        await asyncio.gather(dial(), dial(), dial())
        world.advance(milliseconds=700)
    moments = await counted_moments(world)
    # Every second step is in the next window of 7 / 6.5 s.
    assert len(moments) == 7 * 4
    check_windows(moments, 7, 7 / 6.5 * SECOND)
    await check_invariants(world.store)


@pytest.mark.parametrize("rate", [0.25, 1, 2.5, 30])
async def test_nearly_all_of_the_rate_is_used_when_woken_at_the_moments_it_names(
    world: World, rate: float
) -> None:
    await make_config(world, rate=rate)
    seconds = max(12, 12 / rate)
    await world.batch(int(rate * seconds) + 20, carrier_config="main")
    begun = world.clock.now()
    sent = 0
    while world.clock.now() < begun + seconds * SECOND:
        claims = await world.store.dispatch.claim(500)
        # As long as a claim and its SENDING may take.
        world.advance(milliseconds=5)
        let_go = (await world.send(claims.calls)).calls
        sent += len(let_go)
        await world.apply(*(ended(call) for call in let_go))
        if not claims.calls:
            assert claims.next_due_at is not None
            world.clock.move_to(claims.next_due_at)
    check_windows(await counted_moments(world), -int(-rate // 1), SECOND)
    assert sent >= 0.97 * rate * seconds


async def test_a_config_without_a_rate_has_that_of_its_carrier(world: World) -> None:
    made = await make_config(world, rates=CarrierRates({"simulated": 2.0}))
    own = await make_config(world, rate=1, name="own", rates=CarrierRates({"simulated": 2.0}))
    batches = [
        await world.batch(5, carrier_config=config.fields.display_name) for config in (made, own)
    ]
    assert (await gates(world, batches[0]))["carrier_rate"].figures["cap"] == 2
    store = world.store.carrier_configs
    await store.follow_default_rates(CarrierRates({"simulated": 3.0}))
    assert (await gates(world, batches[0]))["carrier_rate"].figures["cap"] == 3
    assert (await gates(world, batches[1]))["carrier_rate"].figures["cap"] == 1
    await store.follow_default_rates(NO_DEFAULTS)
    assert "carrier_rate" not in await gates(world, batches[0])


async def test_no_client_sees_the_throttle_that_holds_a_rate(world: World) -> None:
    made = await make_config(world, rate=1)
    await add_throttle(world, (1, 1))
    store = world.store.throttles
    listed, _ = await all_pages(lambda page: store.list_throttles(world.account_id, page))
    assert [throttle.fields.display_name for throttle in listed] == ["slow"]
    (hidden,) = await world.sql("SELECT id FROM throttles WHERE deleted_us IS NOT NULL")
    for text in (unpack_id(hidden[0]), made.carrier_config_id):
        with pytest.raises(NotFoundError):
            await world.batch(throttle=text)


async def test_a_batch_without_a_rate_costs_no_statement(world: World) -> None:
    await make_config(world, 5)
    await make_config(world, rate=1, name="slow")
    await world.batch(2, carrier_config="main")
    claims, claiming = await said_by(world.store, lambda tx: claim(tx, 9, ParsedAgents()))
    marked, sending = await said_by(world.store, lambda tx: mark_sending(tx, claims.calls))
    assert len(marked.sending) == 2
    assert not marked.throttled
    assert not [
        sql for sql in (*claiming, *sending) if "FROM throttle" in sql or "throttles SET" in sql
    ]
