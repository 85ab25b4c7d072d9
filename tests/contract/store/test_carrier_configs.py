"""Carrier configs, and that batches are dialled within their limits."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from outdial_server.domain.carrier_config import (
    CarrierConfig,
    CarrierConfigFields,
    CarrierRates,
    ConfigRef,
)
from outdial_server.domain.carrier_terms import CarrierTerms
from outdial_server.domain.credentials import SealedCredentials
from outdial_server.domain.errors import (
    AlreadyExistsError,
    NotFoundError,
    PreconditionError,
    Reason,
)
from outdial_server.domain.gates import GateAnswer
from outdial_server.domain.ids import BatchId, CarrierConfigId, ThrottleId
from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.domain.throttle import ThrottleFields, ThrottleRule
from outdial_server.ports.carrier_configs import StoredCredentials
from outdial_server.storage.encoding import moment, unpack_id
from outdial_server.storage.verbs.call_texts import ParsedAgents
from outdial_server.storage.verbs.claiming import claim
from outdial_server.storage.verbs.sending import mark_sending
from support.invariants import check_invariants
from support.statements import said_by
from support.stores import NO_ID, World, accepted, all_pages, ended, not_sent

SECOND = timedelta(seconds=1)
NO_DEFAULTS = CarrierRates({})


async def make(
    world: World,
    calls_at_once: int | None = None,
    rate: float | None = None,
    *,
    name: str = "main",
    rates: CarrierRates = NO_DEFAULTS,
    carrier: str = "simulated",
) -> CarrierConfig:
    return await world.store.carrier_configs.create_carrier_config(
        world.account_id,
        CarrierConfigId(world.ids.new_id()),
        carrier,
        CarrierConfigFields(name, calls_at_once, rate),
        rates,
    )


async def change(
    world: World,
    config: CarrierConfig,
    calls_at_once: int | None = None,
    rate: float | None = None,
    *,
    name: str = "main",
) -> CarrierConfig:
    return await world.store.carrier_configs.change_carrier_config(
        world.account_id,
        config.carrier_config_id,
        lambda _: CarrierConfigFields(name, calls_at_once, rate),
        NO_DEFAULTS,
    )


async def read(world: World, config: CarrierConfig) -> CarrierConfig:
    return await world.store.carrier_configs.get_carrier_config(
        world.account_id, config.carrier_config_id
    )


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


async def gates(world: World, batch_id: BatchId) -> dict[str, GateAnswer]:
    standing = await world.store.standings.batch_standing(world.account_id, batch_id)
    return {answer.gate: answer for answer in standing.scope_answers}


# --- as resources


async def test_credentials_are_kept_as_they_were_sealed_and_erased_in_the_end(
    world: World,
) -> None:
    store = world.store.carrier_configs
    credentials = SealedCredentials({"sid": "AC0", "detect": True, "token_hint": "abcd"}, "1.k.xyz")
    made = await store.create_carrier_config(
        world.account_id,
        CarrierConfigId(world.ids.new_id()),
        "twilio",
        CarrierConfigFields("main", credentials=credentials),
        NO_DEFAULTS,
    )
    assert made.fields.credentials == credentials
    assert await read(world, made) == made
    another = SealedCredentials({"sid": "AC1"}, "1.k.other")
    for wanted in (another, None, another):
        changed = await store.change_carrier_config(
            world.account_id,
            made.carrier_config_id,
            lambda config, wanted=wanted: replace(config.fields, credentials=wanted),
            NO_DEFAULTS,
        )
        assert changed.fields.credentials == wanted
        assert await read(world, made) == changed
    stored = await store.stored_credentials(made.carrier_config_id)
    assert stored == StoredCredentials("twilio", another.sealed, 4)
    await store.delete_carrier_config(world.account_id, made.carrier_config_id)
    # A revision later: who has them open learns of it.
    stored = await store.stored_credentials(made.carrier_config_id)
    assert stored == StoredCredentials("twilio", None, 5)
    assert await store.stored_credentials(CarrierConfigId(NO_ID)) is None
    assert await store.stored_credentials(CarrierConfigId("none")) is None
    kept = await world.sql("SELECT credentials_json, credentials_sealed FROM carrier_configs")
    assert [tuple(row) for row in kept] == [("", None)]


async def test_a_carrier_config_is_read_as_it_was_made(world: World) -> None:
    store = world.store.carrier_configs
    fields = CarrierConfigFields("Süd", 20, 2.5, {"team": "a"})
    made = await store.create_carrier_config(
        world.account_id, CarrierConfigId(world.ids.new_id()), "simulated", fields, NO_DEFAULTS
    )
    assert (made.fields, made.carrier, made.active_calls) == (fields, "simulated", 0)
    assert await read(world, made) == made
    listed, _ = await all_pages(lambda page: store.list_carrier_configs(world.account_id, page))
    assert listed == [made]
    named, _ = await all_pages(lambda page: store.list_carrier_configs(world.account_id, page, "x"))
    assert named == []
    changed = await store.change_carrier_config(
        world.account_id,
        made.carrier_config_id,
        lambda _: CarrierConfigFields("Nord"),
        NO_DEFAULTS,
    )
    assert (changed.fields, changed.revision) == (CarrierConfigFields("Nord"), 2)
    assert await read(world, made) == changed


async def test_a_name_is_taken_once_in_an_account_and_free_after_deletion(world: World) -> None:
    made, other = await make(world), await make(world, name="other")
    for attempt in (make(world), change(world, other)):
        with pytest.raises(AlreadyExistsError) as refusal:
            await attempt
        assert refusal.value.reason is Reason.CARRIER_CONFIG_NAME_TAKEN
    await world.store.carrier_configs.delete_carrier_config(
        world.account_id, made.carrier_config_id
    )
    assert (await make(world)).carrier_config_id != made.carrier_config_id


async def test_a_carrier_config_of_another_account_is_not_found(world: World) -> None:
    stranger = await world.new_account()
    made = await make(world)
    store = world.store.carrier_configs
    for account_id, text in [
        (stranger, made.carrier_config_id),
        (world.account_id, NO_ID),
        (world.account_id, "no uuid"),
    ]:
        config_id = CarrierConfigId(text)
        attempts: list[Any] = [
            store.get_carrier_config(account_id, config_id),
            store.delete_carrier_config(account_id, config_id),
            store.change_carrier_config(account_id, config_id, lambda k: k.fields, NO_DEFAULTS),
        ]
        for attempt in attempts:
            with pytest.raises(NotFoundError) as refusal:
                await attempt
            assert refusal.value.reason is Reason.CARRIER_CONFIG_NOT_FOUND


async def test_a_request_that_is_repeated_makes_one(world: World) -> None:
    request = world.request("r-1", surface="CreateCarrierConfig")
    first, again = [
        await world.store.carrier_configs.create_carrier_config(
            world.account_id,
            CarrierConfigId(world.ids.new_id()),
            "simulated",
            CarrierConfigFields("main", calls_per_second=1),
            NO_DEFAULTS,
            request,
        )
        for _ in range(2)
    ]
    assert again == first
    assert len(await world.sql("SELECT key FROM throttles")) == 1


async def test_no_client_sees_the_throttle_that_holds_a_rate(world: World) -> None:
    made = await make(world, rate=1)
    await add_throttle(world, (1, 1))
    store = world.store.throttles
    listed, _ = await all_pages(lambda page: store.list_throttles(world.account_id, page))
    assert [throttle.fields.display_name for throttle in listed] == ["slow"]
    (hidden,) = await world.sql("SELECT id FROM throttles WHERE deleted_us IS NOT NULL")
    for text in (unpack_id(hidden[0]), made.carrier_config_id):
        with pytest.raises(NotFoundError):
            await world.batch(throttle=text)


# --- named by batches


async def test_a_batch_names_a_config_by_id_or_by_name_and_says_its_id(world: World) -> None:
    made = await make(world)
    for text in (made.carrier_config_id, "main"):
        batch_id = await world.batch(carrier_config=text, carrier="")
        batch = await world.get(batch_id)
        assert (batch.settings.carrier_config, batch.carrier) == (
            made.carrier_config_id,
            "simulated",
        )
    for text in (NO_ID, "other"):
        with pytest.raises(NotFoundError) as refusal:
            await world.batch(carrier_config=text)
        assert refusal.value.reason is Reason.CARRIER_CONFIG_NOT_FOUND
    batch_id = await world.batch()
    await world.edit(batch_id, carrier_config="main")
    assert (await world.get(batch_id)).settings.carrier_config == made.carrier_config_id
    await world.edit(batch_id, carrier_config="")
    assert (await world.get(batch_id)).settings.carrier_config == ""


async def test_a_config_of_another_carrier_than_the_batch_is_refused(world: World) -> None:
    await make(world, carrier="elsewhere")
    batch_id = await world.batch()
    for attempt in (
        world.batch(carrier_config="main", carrier="simulated"),
        world.edit(batch_id, carrier_config="main"),
    ):
        with pytest.raises(PreconditionError) as refusal:
            await attempt
        assert refusal.value.reason is Reason.CARRIER_MISMATCH
        assert refusal.value.metadata == {
            "carrier": "simulated",
            "carrier_config_carrier": "elsewhere",
        }
    assert (await world.get(batch_id)).settings.carrier_config == ""


async def test_a_config_that_is_named_is_not_deleted_before_its_batches_end(
    world: World,
) -> None:
    made = await make(world)
    batch_id = await world.batch(carrier_config="main")
    store = world.store.carrier_configs
    with pytest.raises(PreconditionError) as refusal:
        await store.delete_carrier_config(world.account_id, made.carrier_config_id)
    assert refusal.value.reason is Reason.CARRIER_CONFIG_IN_USE
    await world.apply(*(ended(call) for call in await world.live()))
    await store.delete_carrier_config(world.account_id, made.carrier_config_id)
    assert (await world.get(batch_id)).settings.carrier_config == made.carrier_config_id


async def test_a_config_is_not_deleted_before_the_calls_that_were_made_with_it_end(
    world: World,
) -> None:
    first = await make(world)
    await make(world, name="second")
    batch_id = await world.batch(2, carrier_config="main")
    calls = await world.live()
    await world.report("theirs", carrier_config="main")
    await world.edit(batch_id, carrier_config="second")
    store = world.store.carrier_configs
    for call in calls:
        with pytest.raises(PreconditionError) as refusal:
            await store.delete_carrier_config(world.account_id, first.carrier_config_id)
        assert refusal.value.reason is Reason.CARRIER_CONFIG_IN_USE
        alive = str(len(calls) - calls.index(call))
        assert refusal.value.metadata == {"batches": "0", "phone_numbers": "0", "calls": alive}
        await world.apply(ended(call))
    # An external call needs no credentials, and may be reported for ever.
    await store.delete_carrier_config(world.account_id, first.carrier_config_id)
    assert await world.hang_up("theirs")
    await check_invariants(world.store)


# --- slots


async def test_batches_of_one_config_share_its_slots(world: World) -> None:
    made = await make(world, 4)
    batches = [await world.batch(5, carrier_config="main") for _ in range(2)]
    free = await world.batch(3)
    calls = await world.live()
    by_batch = [sum(call.batch_id == batch_id for call in calls) for batch_id in [*batches, free]]
    assert by_batch == [2, 2, 3]
    assert (await read(world, made)).active_calls == 4
    answer = (await gates(world, batches[0]))["slots_carrier_config"]
    assert (answer.reason, answer.figures) == ("NO_FREE_SLOT", {"used": 4, "cap": 4})
    await world.apply(ended(calls[0]))
    assert (await read(world, made)).active_calls == 3
    assert len(await world.claim()) == 1
    await check_invariants(world.store)


async def test_a_raised_limit_makes_room_and_a_lowered_one_waits(world: World) -> None:
    made = await make(world, 2)
    await world.batch(6, carrier_config="main")
    calls = await world.live()
    await change(world, made, 3)
    calls += await world.live()
    assert len(calls) == 3
    await change(world, made, 1)
    await world.apply(ended(calls[0]), ended(calls[1]))
    assert await world.claim() == []
    await world.apply(ended(calls[2]))
    assert len(await world.claim()) == 1
    await check_invariants(world.store)


async def test_a_call_keeps_the_config_that_it_was_made_with(world: World) -> None:
    first, second = await make(world), await make(world, name="second")
    batch_id = await world.batch(3, carrier_config="main")
    await world.live(1)
    (waiting,) = await world.claim(1)
    await world.edit(batch_id, carrier_config="second")
    assert [(await read(world, config)).active_calls for config in (first, second)] == [2, 0]
    # Claimed under the old settings: given back, and claimed again with the new ones.
    assert (await world.send([waiting])).given_back == 1
    await world.live()
    assert [(await read(world, config)).active_calls for config in (first, second)] == [1, 2]
    await check_invariants(world.store)


async def test_whatever_frees_a_slot_frees_that_of_the_config(world: World) -> None:
    made = await make(world, 5)
    await world.batch(5, carrier_config="main")
    _, lost, unknown, answered, turned_away = await world.claim()
    await world.send([lost, unknown, answered, turned_away])
    await world.apply(
        not_sent(turned_away),
        ended(answered),
        CallReport(unknown.call_id, ReportKind.UNCLEAR, fence=unknown.fence),
    )
    assert (await read(world, made)).active_calls == 3
    world.advance(minutes=1)
    # Of two leases that ran out one is given back, and the other is unknown.
    await world.store.dispatch.reap()
    assert (await read(world, made)).active_calls == 2
    await world.apply(
        *(CallReport(call.call_id, ReportKind.PRESUMED_ENDED) for call in (lost, unknown))
    )
    assert (await read(world, made)).active_calls == 0
    assert list(await world.store.dispatch.audit_slots()) == []
    await check_invariants(world.store)


# --- rates


async def test_no_more_are_claimed_than_the_rate_lets_go_and_the_next_at_its_moment(
    world: World,
) -> None:
    await make(world, rate=2)
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
    await make(world, rate=4)
    batches = [await world.batch(5, carrier_config="main") for _ in range(2)]
    free = await world.batch(3)
    calls = await world.claim()
    by_batch = [sum(call.batch_id == batch_id for call in calls) for batch_id in [*batches, free]]
    assert by_batch == [2, 2, 3]
    assert await world.claim() == [], "what is claimed and not sent is left room for"


async def test_a_throttle_and_a_rate_hold_at_once(world: World) -> None:
    await make(world, rate=2)
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
    made = await make(world)
    await world.batch(5, carrier_config="main")
    claims = await world.claim()
    await change(world, made, rate=2)
    sent = await world.send(claims)
    assert (len(sent.calls), sent.given_back, sent.throttled) == (2, 3, True)
    assert await world.claim() == []
    await check_invariants(world.store)


async def test_a_rate_that_is_changed_holds_over_what_was_counted(world: World) -> None:
    made = await make(world, rate=3)
    await world.batch(9, carrier_config="main")
    assert len(await world.live()) == 3
    await change(world, made, rate=5)
    assert len(await world.live()) == 2
    await change(world, made)
    assert len(await world.live()) == 4
    await check_invariants(world.store)


async def test_a_call_that_was_not_sent_does_not_count_though_the_clock_was_set_back(
    world: World,
) -> None:
    await make(world, rate=2)
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
    await make(world, rate=6.5)
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
    await make(world, rate=rate)
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
    made = await make(world, rates=CarrierRates({"simulated": 2.0}))
    own = await make(world, rate=1, name="own", rates=CarrierRates({"simulated": 2.0}))
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


async def test_a_batch_without_a_rate_costs_no_statement(world: World) -> None:
    await make(world, 5)
    await make(world, rate=1, name="slow")
    await world.batch(2, carrier_config="main")
    claims, claiming = await said_by(world.store, lambda tx: claim(tx, 9, ParsedAgents()))
    marked, sending = await said_by(world.store, lambda tx: mark_sending(tx, claims.calls))
    assert len(marked.sending) == 2
    assert not marked.throttled
    assert not [
        sql for sql in (*claiming, *sending) if "FROM throttle" in sql or "throttles SET" in sql
    ]


# --- through which account


async def test_a_call_goes_through_the_config_of_its_batch_and_is_asked_for_there(
    world: World,
) -> None:
    config = await make(world)
    config_id = config.carrier_config_id
    await change(world, config, 5)
    await world.batch(1, carrier_config="main")
    (call,) = await world.claim()
    assert call.carrier_config == ConfigRef(config_id, 2)
    await world.send([call])
    other = await make(world, name="other")
    await world.edit(call.batch_id or BatchId(""), carrier_config="other")
    shown = await world.store.calls.get_call(world.account_id, call.call_id)
    assert shown.carrier_config == config_id != other.carrier_config_id
    await world.apply(accepted(call))
    world.advance(hours=2)
    (silent,) = (await world.store.dispatch.silent_calls(10)).calls
    assert silent.carrier_config == ConfigRef(config_id)


async def test_a_call_without_a_config_goes_through_none(world: World) -> None:
    await world.batch(1)
    (call,) = await world.live()
    assert call.carrier_config is None
    shown = await world.store.calls.get_call(world.account_id, call.call_id)
    assert shown.carrier_config == ""
    world.advance(hours=2)
    (silent,) = (await world.store.dispatch.silent_calls(10)).calls
    assert silent.carrier_config is None


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        (CarrierTerms(need_config=frozenset({"simulated"})), Reason.CARRIER_NOT_CONFIGURED),
        (CarrierTerms(known=frozenset({"twilio"})), Reason.CARRIER_NOT_CONFIGURED),
        (CarrierTerms(need_join_url=frozenset({"simulated"})), Reason.AGENT_HAS_NO_JOIN_URL),
    ],
)
async def test_a_batch_that_its_carrier_would_not_dial_is_not_made(
    world: World, terms: CarrierTerms, reason: Reason
) -> None:
    await make(world)
    with pytest.raises(PreconditionError) as refused:
        await world.create(carrier_config="main", terms=terms)
    assert refused.value.reason is reason
    assert await world.sql("SELECT key FROM batches") == []
