"""Carrier accounts and numbers that do not work: nothing goes through them, nobody loses a try,
and calls come back slowly."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from outdial_server.domain.batch import BatchState
from outdial_server.domain.batch_policies import ConfigErrorPolicy
from outdial_server.domain.breaker import ACCOUNT_TERMS
from outdial_server.domain.carrier_config import CarrierConfig, CarrierConfigFields, CarrierRates
from outdial_server.domain.carrier_pace import RESTART
from outdial_server.domain.credentials import SealedCredentials
from outdial_server.domain.errors import ExhaustedError, Reason
from outdial_server.domain.explanation import batch_answers, row_answers, row_verdict
from outdial_server.domain.gates import GateAnswer
from outdial_server.domain.ids import BatchId, CarrierConfigId
from outdial_server.domain.phone_number import PhoneNumber, PhoneNumberFields
from outdial_server.domain.report import CallReport, Evidence, Fault
from outdial_server.domain.rotation import Rotation
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.trouble import CALLER_ID_REFUSED, CARRIER_FAILING, Held
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.storage.verbs.call_texts import ParsedAgents
from outdial_server.storage.verbs.claiming import claim
from outdial_server.storage.verbs.reporting import apply_reports
from outdial_server.storage.verbs.sending import mark_sending
from support.invariants import check_invariants
from support.numbers import new_number
from support.statements import said_by
from support.stores import (
    World,
    accepted,
    ended,
    new_row,
    new_rows,
    not_sent,
    refused,
    ringing,
    unclear,
)

SECOND = timedelta(seconds=1)
NO_DEFAULTS = CarrierRates({})
RUN = ACCOUNT_TERMS.failures
FRONT, BACK = "+15550001111", "+15550002222"


async def make(
    world: World, rate: float | None = None, most: int | None = None, name: str = "main"
) -> CarrierConfig:
    return await world.store.carrier_configs.create_carrier_config(
        world.account_id,
        CarrierConfigId(world.ids.new_id()),
        "simulated",
        CarrierConfigFields(name, most, rate),
        NO_DEFAULTS,
    )


async def read(world: World, config: CarrierConfig) -> CarrierConfig:
    return await world.store.carrier_configs.get_carrier_config(
        world.account_id, config.carrier_config_id
    )


async def lift(world: World, config: CarrierConfig) -> CarrierConfig:
    return await world.store.carrier_configs.change_carrier_config(
        world.account_id,
        config.carrier_config_id,
        lambda present: present.fields,
        NO_DEFAULTS,
        lifts_hold=True,
    )


async def read_number(world: World, number: PhoneNumber) -> PhoneNumber:
    return await world.store.phone_numbers.get_phone_number(
        world.account_id, number.phone_number_id
    )


async def gate(world: World, batch_id: BatchId, name: str) -> GateAnswer | None:
    standing = await world.store.standings.batch_standing(world.account_id, batch_id)
    found = [one.answer for one in batch_answers(standing) if one.answer.gate == name]
    return found[0] if found else None


def turned_away(call: ClaimedCall, wait: timedelta | None = None) -> CallReport:
    return not_sent(call, wait)._replace(evidence=Evidence.TOO_MUCH)


def fails(call: ClaimedCall) -> CallReport:
    return not_sent(call)._replace(evidence=Evidence.FAILS)


def works(call: ClaimedCall) -> CallReport:
    return accepted(call)._replace(evidence=Evidence.WORKS)


def bad_number(call: ClaimedCall) -> CallReport:
    return refused(call, Fault.CALLER_ID)._replace(evidence=Evidence.WORKS)


async def kept(world: World) -> int:
    return len(await world.sql("SELECT owner FROM troubles"))


async def dialled(world: World, limit: int = 1_000) -> list[ClaimedCall]:
    """All whom the next claim takes; none of them is given back."""
    sent = await world.send(await world.claim(limit))
    assert not sent.given_back
    return list(sent.calls)


async def gone_in(world: World, stretches: int) -> list[int]:
    """How many are dialled in each four seconds from now on."""
    counts = []
    for _ in range(stretches):
        calls = []
        for _ in range(16):
            calls += await dialled(world)
            world.advance(milliseconds=250)
        await world.apply(*map(ended, calls))
        counts.append(len(calls))
    return counts


# --- too much


async def test_nobody_goes_before_the_moment_that_the_carrier_has_named(world: World) -> None:
    config, other = await make(world, 8), await make(world, name="other")
    batch_id = await world.batch(9, carrier_config="main")
    free = await world.batch(2, carrier_config="other")
    (call,) = await dialled(world, 1)
    await world.apply(turned_away(call, 20 * SECOND))
    until = world.later(seconds=20)
    answer = await gate(world, batch_id, "carrier_account")
    assert answer == GateAnswer(
        "carrier_account", 0, "CARRIER_ASKED_TO_WAIT", {"failures": 0}, next_at=until
    )
    shown = await read(world, config)
    assert shown.held == Held("CARRIER_ASKED_TO_WAIT", until)
    assert CarrierRates({}).effective_rate_of(shown) == 4
    claims = await world.store.dispatch.claim(10)
    assert [one.batch_id for one in claims.calls] == [free, free]
    assert claims.next_due_at == until
    assert (await read(world, other)).held is None
    world.advance(seconds=20)
    assert len(await dialled(world)) == 4
    again = await world.row(batch_id)
    assert again.call_id == call.call_id
    assert again.attempt_count == 1, "who was turned away has lost no try"
    await check_invariants(world.store)


async def test_whoever_was_claimed_before_is_given_back(world: World) -> None:
    await make(world)
    await world.batch(3, carrier_config="main")
    first, second, third = await world.claim()
    await world.send([first])
    await world.apply(turned_away(first, 5 * SECOND))
    sent = await world.send([second, third])
    assert (sent.calls, sent.given_back) == ((), 2)
    world.advance(seconds=5)
    assert len(await dialled(world)) == 1


async def test_a_rate_falls_by_half_and_rises_to_what_it_was(world: World) -> None:
    config = await make(world, 8)
    await world.batch(400, carrier_config="main")
    calls = await dialled(world)
    assert len(calls) == 8
    # All of a group were on their way together: it falls once.
    await world.apply(*map(turned_away, calls))
    world.advance(seconds=1)
    counts = await gone_in(world, 10)
    assert 16 <= counts[0] <= 20
    assert max(counts[:4]) < 26
    assert counts[-1] == max(counts) == 32
    assert CarrierRates({}).effective_rate_of(await read(world, config)) == 8
    assert await kept(world) == 1, "nothing is written while it rises"
    (last,) = await dialled(world, 1)
    await world.apply(works(last))
    assert await kept(world) == 0


async def test_an_account_without_a_rate_gets_one_while_it_is_in_trouble(world: World) -> None:
    config = await make(world)
    batch_id = await world.batch(200, carrier_config="main")
    calls = await dialled(world, 20)
    await world.apply(*map(turned_away, calls[10:]), *map(works, calls[:10]))
    assert CarrierRates({}).effective_rate_of(await read(world, config)) == 10
    world.advance(seconds=1)
    assert len(await dialled(world)) == 11
    answer = await gate(world, batch_id, "carrier_rate")
    assert answer is not None
    assert answer.reason == "CARRIER_RATE_REACHED"
    # A server that starts meanwhile leaves it.
    await world.store.carrier_configs.follow_default_rates(NO_DEFAULTS)
    assert await gate(world, batch_id, "carrier_rate") is not None
    await lift(world, config)
    assert await gate(world, batch_id, "carrier_rate") is None
    assert CarrierRates({}).effective_rate_of(await read(world, config)) is None
    assert len(await dialled(world)) > 11
    await check_invariants(world.store)


async def test_the_numbers_of_an_account_that_asked_to_wait_wait_with_it(world: World) -> None:
    config = await make(world)
    number = await new_number(world, FRONT)
    await world.store.phone_numbers.change_phone_number(
        world.account_id,
        number.phone_number_id,
        lambda present: PhoneNumberFields(carrier_config=config.carrier_config_id),
    )
    batch_id = await world.batch(3, phone_numbers=(FRONT,))
    (call,) = await dialled(world, 1)
    await world.apply(turned_away(call, 9 * SECOND))
    answer = await gate(world, batch_id, "numbers")
    assert answer is not None
    assert (answer.reason, answer.next_at) == ("NUMBERS_ACCOUNTS_FULL", world.later(seconds=9))
    claims = await world.store.dispatch.claim(9)
    assert (claims.calls, claims.next_due_at) == ((), world.later(seconds=9))
    world.advance(seconds=9)
    assert len(await dialled(world)) >= 1


# --- failing


async def fail(world: World, calls: Sequence[ClaimedCall]) -> None:
    await world.apply(*map(fails, calls))


async def test_a_run_of_failures_holds_the_account_and_one_call_tries_it_again(
    world: World,
) -> None:
    config = await make(world, 100)
    batch_id = await world.batch(60, carrier_config="main")
    await fail(world, await dialled(world, RUN))
    at = world.later(seconds=5)
    shown = await read(world, config)
    assert shown.held == Held(CARRIER_FAILING, at, "RATE")
    answer = await gate(world, batch_id, "carrier_account")
    assert answer is not None
    assert (answer.reason, answer.figures, answer.next_at) == (
        CARRIER_FAILING,
        {"failures": RUN},
        at,
    )
    assert await world.claim() == []

    world.advance(seconds=5)
    (probe,) = await dialled(world)
    assert await world.claim() == []
    answer = await gate(world, batch_id, "carrier_account")
    assert answer is not None
    assert answer.reason == "PROBE_OUT"
    await fail(world, [probe])
    assert (await read(world, config)).held == Held(
        CARRIER_FAILING, world.later(seconds=10), "RATE"
    )

    world.advance(seconds=10)
    (probe,) = await dialled(world)
    applied = await world.apply(works(probe))
    assert applied.freed, "the claimer hears of it"
    assert (await read(world, config)).held is None
    assert CarrierRates({}).effective_rate_of(await read(world, config)) == 100 * RESTART
    assert len(await dialled(world)) == 12
    counts = (await world.get(batch_id)).counts
    assert (counts.waiting, counts.failed, counts.dialing) == (47, 0, 13)
    await check_invariants(world.store)


async def test_of_two_servers_one_sends_the_probe(world: World) -> None:
    await make(world)
    await world.batch(30, carrier_config="main")
    calls = await dialled(world, RUN)
    ours, theirs = await world.claim(1), await world.claim(1)
    await fail(world, calls)
    world.advance(seconds=5)
    assert await world.claim() == [], "two are on their way"
    assert len((await world.send(ours)).calls) == 1
    sent = await world.send(theirs)
    assert (sent.calls, sent.given_back) == ((), 1)
    # Nothing comes of the probe: its server is gone.
    assert await world.claim() == []
    world.advance(seconds=15)
    assert len(await dialled(world)) == 1


async def test_of_failures_that_two_servers_hear_of_at_once_none_is_lost(world: World) -> None:
    first, second = await make(world, name="first"), await make(world, name="second")
    for number, name in enumerate(("first", "second")):
        await world.batch(new_rows(RUN, number * RUN), carrier_config=name)
    calls = await dialled(world)
    reports = [fails(call) for call in calls]
    # Each hears of both accounts, one of them from the other end.
    ours, theirs = reports[::2], reports[1::2]
    await asyncio.gather(
        world.apply(*ours), world.apply(*reversed(theirs)), lift(world, await make(world))
    )
    for config in (first, second):
        assert (await read(world, config)).held == Held(
            CARRIER_FAILING, world.later(seconds=5), "RATE"
        )
    await check_invariants(world.store)


async def test_a_probe_whose_batch_has_stopped_is_none(world: World) -> None:
    await make(world)
    stopped = await world.batch(RUN + 1, carrier_config="main")
    await fail(world, await dialled(world, RUN))
    world.advance(seconds=5)
    claimed = await world.claim()
    await world.edit(stopped, display_name="Changed")
    assert (await world.send(claimed)).calls == ()
    assert len(await dialled(world)) == 1, "the next one may go at once"


async def test_who_answers_in_between_keeps_the_account_in_use(world: World) -> None:
    config = await make(world)
    await world.batch(60, carrier_config="main")
    for _ in range(3):
        calls = await dialled(world, RUN)
        await world.apply(*map(fails, calls[:-1]), works(calls[-1]))
        assert (await read(world, config)).held is None
        assert await kept(world) == 0
    calls = await dialled(world, RUN)
    await world.apply(*(unclear(call)._replace(evidence=Evidence.FAILS) for call in calls))
    assert (await read(world, config)).held is not None


async def test_what_was_no_fault_of_the_carrier_is_not_held_against_it(world: World) -> None:
    await make(world)
    await world.batch(40, carrier_config="main")
    calls = await dialled(world, 2 * RUN)
    await world.apply(*map(not_sent, calls[:RUN]), *map(unclear, calls[RUN:]))
    assert await kept(world) == 0


async def test_a_late_word_under_an_old_claim_tells_nothing(world: World) -> None:
    await make(world)
    await world.batch(1, carrier_config="main")
    (call,) = await dialled(world)
    await world.apply(not_sent(call))
    await world.apply(fails(call))
    assert await kept(world) == 0


async def test_a_direct_call_is_told_that_the_account_is_held_or_waits(world: World) -> None:
    await make(world)
    await world.batch(RUN, carrier_config="main")
    await fail(world, await dialled(world))
    with pytest.raises(ExhaustedError) as refusal:
        await world.direct(new_row(70), carrier_config="main")
    assert refusal.value.reason is Reason.CALL_HELD_BACK
    made = await world.direct(new_row(71), carrier_config="main", wait_until=world.later(minutes=1))
    assert made.claimed is None
    world.advance(seconds=5)
    (probe,) = await dialled(world)
    assert probe.call_id == made.call.call_id, "it goes first, as direct calls do"


async def test_an_operator_lifts_a_hold_and_so_do_new_credentials(world: World) -> None:
    config = await make(world, 50)
    await world.batch(90, carrier_config="main")
    for credentials in (None, SealedCredentials({"sid": "AC1"}, "1.k.x")):
        await fail(world, await dialled(world, RUN))
        assert await world.claim() == []
        if credentials is None:
            changed = await lift(world, config)
        else:
            changed = await world.store.carrier_configs.change_carrier_config(
                world.account_id,
                config.carrier_config_id,
                lambda present, sealed=credentials: CarrierConfigFields(
                    "main", calls_per_second=50, credentials=sealed
                ),
                NO_DEFAULTS,
            )
        assert changed.held is None
        assert await kept(world) == 0
        world.advance(seconds=1)
        assert len(await dialled(world, 20)) == 20
        world.advance(seconds=1)


async def test_configuration_faults_hold_the_account_for_other_batches_too(world: World) -> None:
    config = await make(world)
    await world.batch(RUN, carrier_config="main")
    calls = await dialled(world, RUN)
    other = await world.batch(3, carrier_config="main")
    await world.apply(
        *(refused(c, Fault.CONFIGURATION)._replace(evidence=Evidence.FAILS) for c in calls)
    )
    assert (await read(world, config)).held == Held(
        CARRIER_FAILING, world.later(seconds=5), "BAD_CREDENTIALS"
    )
    assert (await world.get(other)).state is BatchState.RUNNING
    assert await world.claim() == []
    world.advance(seconds=5)
    assert [one.batch_id for one in await dialled(world)] == [other]


# --- caller IDs


async def test_a_number_that_the_carrier_refuses_is_left_out_while_others_go_on(
    world: World,
) -> None:
    front, back = await new_number(world, FRONT), await new_number(world, BACK)
    config = await make(world)
    batch_id = await world.batch(
        20, phone_numbers=(FRONT, BACK), rotation=Rotation.ROUND_ROBIN, carrier_config="main"
    )
    calls = await dialled(world, 2)
    (bad,) = [call for call in calls if call.caller_id == FRONT]
    await world.apply(bad_number(bad))
    at = world.later(minutes=1)
    assert (await read_number(world, front)).held == Held(CALLER_ID_REFUSED, at, "BAD_CREDENTIALS")
    assert (await read_number(world, back)).held is None
    assert (await read(world, config)).held is None
    assert (await world.get(batch_id)).state is BatchState.RUNNING
    world.advance(seconds=2)
    calls = await dialled(world)
    assert {call.caller_id for call in calls} == {BACK}
    assert bad.call_id in {call.call_id for call in calls}, "the same try, from another number"
    await world.apply(*map(ended, calls))
    assert all(row.attempt_count <= 1 for row in await world.rows(batch_id))
    await check_invariants(world.store)


async def test_one_call_tries_a_refused_number_again(world: World) -> None:
    front = await new_number(world, FRONT)
    batch_id = await world.batch(20, phone_numbers=(FRONT,))
    (call,) = await dialled(world, 1)
    await world.apply(bad_number(call))
    at = world.later(minutes=1)
    answer = await gate(world, batch_id, "numbers")
    assert answer is not None
    assert (answer.reason, answer.next_at) == ("NUMBERS_REFUSED", at)
    claims = await world.store.dispatch.claim(9)
    assert (claims.calls, claims.next_due_at) == ((), at)
    world.advance(minutes=1)
    (probe,) = await dialled(world)
    await world.apply(bad_number(probe))
    assert (await read_number(world, front)).held == Held(
        CALLER_ID_REFUSED, world.later(minutes=2), "BAD_CREDENTIALS"
    )
    world.advance(minutes=2)
    (probe,) = await dialled(world)
    await world.apply(works(probe))
    assert (await read_number(world, front)).held is None
    assert await kept(world) == 0
    assert len(await dialled(world)) == 19


async def test_who_is_bound_to_a_refused_number_waits_for_it(world: World) -> None:
    front = await new_number(world, FRONT)
    await new_number(world, BACK)
    batch_id = await world.batch(
        [*new_rows(2, caller_id=FRONT), *new_rows(2, 2)], phone_numbers=(BACK,)
    )
    calls = await dialled(world)
    (bad, *_) = [call for call in calls if call.caller_id == FRONT]
    others = [call for call in calls if call is not bad]
    await world.apply(bad_number(bad), *map(ended, others))
    world.advance(seconds=2)
    assert await world.claim() == []
    row = next(r for r in await world.rows(batch_id) if r.state is ScheduledCallState.WAITING)
    standing = await world.store.standings.row_standing(world.account_id, row.scheduled_call_id)
    assert standing.candidate is not None
    answers = row_answers(standing, standing.candidate)
    (answer,) = [one.answer for one in answers if one.answer.gate == "caller_id"]
    at = world.later(seconds=58)
    assert (answer.reason, answer.next_at) == ("NUMBER_REFUSED", at)
    assert row_verdict(standing, standing.candidate, answers).next_at == at
    claims = await world.store.dispatch.claim(9)
    assert (claims.calls, claims.next_due_at) == ((), at)
    await world.store.phone_numbers.change_phone_number(
        world.account_id, front.phone_number_id, lambda n: n.fields, lifts_hold=True
    )
    assert [call.caller_id for call in await dialled(world)] == [FRONT]
    await check_invariants(world.store)


@pytest.mark.parametrize("policy", ConfigErrorPolicy)
async def test_a_caller_id_that_is_a_mere_text_is_a_fault_of_the_batch(
    world: World, policy: ConfigErrorPolicy
) -> None:
    config = await make(world)
    batch_id = await world.batch(3, caller_id=FRONT, on_config_error=policy, carrier_config="main")
    (call,) = await dialled(world, 1)
    await world.apply(bad_number(call))
    expected = BatchState.PAUSED if policy is ConfigErrorPolicy.PAUSE else BatchState.FAILED
    assert (await world.get(batch_id)).state is expected
    assert (await read(world, config)).held is None
    assert await kept(world) == 0


# --- what it costs


async def test_where_nothing_is_wrong_no_statement_is_said(world: World) -> None:
    await make(world, 100)
    await world.batch(9, carrier_config="main")
    store = world.store
    claims, claiming = await said_by(store, lambda tx: claim(tx, 9, ParsedAgents()))
    _, sending = await said_by(store, lambda tx: mark_sending(tx, claims.calls))
    reports = [works(call) for call in claims.calls] + [ringing(call) for call in claims.calls]
    _, reporting = await said_by(store, lambda tx: apply_reports(tx, reports, ()))
    said = [*claiming, *sending, *reporting]
    assert said
    assert not [sql for sql in said if "FROM troubles" in sql or "INTO troubles" in sql]


def at_most(moments: Sequence[datetime], calls: int, window: timedelta) -> bool:
    pairs = zip(moments, moments[calls:], strict=False)
    return all(behind - first >= window for first, behind in pairs)


async def test_however_often_it_is_turned_away_no_window_holds_more_than_the_rate(
    world: World,
) -> None:
    await make(world, 4)
    await world.batch(300, carrier_config="main")
    sent: list[datetime] = []
    for step in range(200):
        calls = await dialled(world)
        sent += [world.clock.now()] * len(calls)
        told = [turned_away(c) if (step + n) % 7 == 0 else works(c) for n, c in enumerate(calls)]
        await world.apply(*told)
        world.advance(milliseconds=250)
    assert len(sent) > 40
    assert at_most(sent, 4, SECOND)
    await check_invariants(world.store)
