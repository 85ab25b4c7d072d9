"""Carriers that dial with credentials alone: each call goes through the carrier config of its
batch, or else of the number that it shows; whoever has neither waits, and is told why."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch_rules import BatchChange
from outdial_server.domain.carrier_config import CarrierConfigFields, CarrierRates
from outdial_server.domain.carrier_terms import NO_TERMS, CarrierTerms
from outdial_server.domain.credentials import SealedCredentials
from outdial_server.domain.errors import ExhaustedError, PreconditionError, Reason
from outdial_server.domain.explanation import batch_answers, row_answers
from outdial_server.domain.gates import GateAnswer
from outdial_server.domain.ids import BatchId, CarrierConfigId
from outdial_server.domain.medium import Medium
from outdial_server.domain.phone_number import PhoneNumber
from outdial_server.domain.rotation import Rotation
from outdial_server.ports.batches import Decide
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.storage.verbs.call_texts import ParsedAgents
from outdial_server.storage.verbs.claiming import claim
from support.invariants import check_invariants
from support.numbers import BACK, FREE, FRONT, SIDE, new_number
from support.statements import said_by
from support.stores import World, edit_of, ended, new_row, new_rows, not_sent, settled

TERMS = CarrierTerms(need_config=frozenset({"simulated"}))
SEALED = SealedCredentials({}, "sealed")
LISTED = (FRONT, BACK)


async def config(
    world: World,
    name: str,
    carrier: str = "simulated",
    credentials: SealedCredentials | None = SEALED,
    most: int | None = None,
) -> CarrierConfigId:
    fields = CarrierConfigFields(name, most, None, credentials=credentials)
    made = await world.store.carrier_configs.create_carrier_config(
        world.account_id, CarrierConfigId(world.ids.new_id()), carrier, fields, CarrierRates({})
    )
    return made.carrier_config_id


async def number(world: World, address: str, of_config: str = "") -> PhoneNumber:
    return await new_number(world, address, carrier_config=of_config)


async def give(world: World, one: PhoneNumber, of_config: str) -> None:
    await world.store.phone_numbers.change_phone_number(
        world.account_id,
        one.phone_number_id,
        lambda present: replace(present.fields, carrier_config=of_config),
    )


async def batch(world: World, rows: Any, **values: Any) -> BatchId:
    return await world.batch(rows, terms=TERMS, **values)


async def claimed(world: World) -> list[ClaimedCall]:
    """Whom claims take one after another, with what is requeued in between."""
    calls: list[ClaimedCall] = []
    await world.settle_all()
    while (found := await world.store.dispatch.claim(100)).calls or found.more:
        calls += found.calls
    await world.send(calls)
    return calls


def configs_of(calls: Sequence[ClaimedCall]) -> list[tuple[str, str]]:
    return sorted(
        (call.caller_id, call.carrier_config.config_id if call.carrier_config else "")
        for call in calls
    )


async def scope_answer(world: World, batch_id: BatchId, gate: str) -> GateAnswer:
    standing = await world.store.standings.batch_standing(world.account_id, batch_id)
    (found,) = [a.answer for a in batch_answers(standing) if a.answer.gate == gate]
    return found


async def row_reason(world: World, batch_id: BatchId, position: int) -> str:
    row = await world.row(batch_id, position)
    standing = await world.store.standings.row_standing(world.account_id, row.scheduled_call_id)
    assert standing.candidate is not None
    answers = [levelled.answer for levelled in row_answers(standing, standing.candidate)]
    (found,) = [answer for answer in answers if answer.gate == "caller_id"]
    assert found.waits_for == ("" if found.is_open else "CONFIGURATION")
    return found.reason


def with_terms(**values: Any) -> Decide:
    decide = edit_of(**values)

    def change(*args: Any) -> BatchChange | None:
        changed = decide(*args)
        return None if changed is None else replace(changed, terms=TERMS)

    return change


# --- where a call's config is from


async def test_each_call_goes_through_the_config_of_its_number(world: World) -> None:
    east, west = await config(world, "east", most=2), await config(world, "west")
    await number(world, FRONT, east)
    await number(world, BACK, west)
    await number(world, SIDE, west)
    rows = [*new_rows(5), new_row(5, caller_id=SIDE)]
    batch_id = await batch(
        world, rows, phone_numbers=LISTED, rotation=Rotation.ROUND_ROBIN, carrier=""
    )
    assert (await world.get(batch_id)).carrier == "simulated", "that of the numbers"
    calls = await claimed(world)
    # The third that is to show FRONT finds its account full.
    expected = [(FRONT, east)] * 2 + [(BACK, west)] * 3 + [(SIDE, west)]
    assert configs_of(calls) == sorted(expected)
    await world.apply(*(ended(call) for call in calls))
    await check_invariants(world.store)


async def test_the_config_that_a_batch_names_dials_texts_and_numbers_alike(world: World) -> None:
    own, west = await config(world, "own"), await config(world, "west")
    await number(world, FRONT, west)
    await number(world, BACK)
    texts = (FRONT, BACK, FREE, "")
    rows = [new_row(n, caller_id=text) for n, text in enumerate(texts)]
    await batch(world, rows, carrier_config=own)
    assert configs_of(await claimed(world)) == sorted((text, own) for text in texts)


# --- whoever has none


async def test_numbers_without_a_config_are_left_out_while_others_have_one(world: World) -> None:
    east = await config(world, "east")
    front, _ = await number(world, FRONT, east), await number(world, BACK)
    batch_id = await batch(world, 3, phone_numbers=LISTED, rotation=Rotation.ROUND_ROBIN)
    assert configs_of(await claimed(world)) == [(FRONT, east)] * 3
    await world.add(batch_id, 2)
    await give(world, front, "")
    assert await claimed(world) == []
    answer = await scope_answer(world, batch_id, "numbers")
    figures = {"numbers": 2, "usable": 0, "without_config": 2}
    assert (answer.reason, answer.figures) == ("NUMBERS_WITHOUT_CONFIG", figures)
    await give(world, front, east)
    assert configs_of(await claimed(world)) == [(FRONT, east)] * 2


async def test_a_config_without_credentials_is_none(world: World) -> None:
    empty, east = await config(world, "empty", credentials=None), await config(world, "east")
    front = await number(world, FRONT, empty)
    with pytest.raises(PreconditionError) as refused:
        await batch(world, 1, phone_numbers=(FRONT,))
    assert refused.value.reason is Reason.CARRIER_NOT_CONFIGURED
    await give(world, front, east)
    await batch(world, 1, phone_numbers=(FRONT,))
    assert configs_of(await claimed(world)) == [(FRONT, east)]


async def test_those_who_have_none_are_held_and_let_go_when_they_have(world: World) -> None:
    east = await config(world, "east")
    await number(world, FRONT, east)
    back = await number(world, BACK)
    rows = [
        new_row(0, caller_id=FRONT),
        new_row(1, caller_id=BACK),
        new_row(2, caller_id=FREE),
        new_row(3, caller_id=SIDE),
        new_row(4),
    ]
    batch_id = await batch(world, rows)
    assert configs_of(await claimed(world)) == [(FRONT, east)]
    assert [await row_reason(world, batch_id, n) for n in range(1, 5)] == [
        "NUMBER_WITHOUT_CONFIG",
        "CALLER_ID_WITHOUT_CONFIG",
        "CALLER_ID_WITHOUT_CONFIG",
        "CALLER_ID_WITHOUT_CONFIG",
    ]
    held = await scope_answer(world, batch_id, "rows")
    assert (held.reason, held.waits_for) == ("ROWS_WAIT_FOR_CONFIGURATION", "CONFIGURATION")
    _, said = await said_by(world.store, lambda tx: claim(tx, 100, ParsedAgents()))
    assert not [sql for sql in said if "UPDATE scheduled_calls" in sql], "nobody is looked at again"

    await give(world, back, east)
    assert configs_of(await claimed(world)) == [(BACK, east)]
    # A text becomes a number, and one of the numbers is what the batch shows.
    await number(world, SIDE, east)
    assert configs_of(await claimed(world)) == [(SIDE, east)]
    await world.change(batch_id, with_terms(phone_numbers=(BACK,)))
    assert configs_of(await claimed(world)) == [(BACK, east)]
    await world.change(batch_id, with_terms(carrier_config=east))
    assert configs_of(await claimed(world)) == [(FREE, east)]
    await check_invariants(world.store)


async def test_people_whom_somebody_else_calls_need_no_config(world: World) -> None:
    await number(world, FRONT, await config(world, "east"))
    rows = [new_row(0, caller_id=FREE, medium=Medium.WEBHOOK), new_row(1, caller_id=FREE)]
    await batch(world, rows, phone_numbers=(FRONT,))
    (call,) = await claimed(world)
    assert (call.caller_id, call.carrier) == (FREE, "webhook")


async def test_a_call_that_was_not_sent_waits_when_its_number_has_no_config_by_then(
    world: World,
) -> None:
    front = await number(world, FRONT, await config(world, "east"))
    batch_id = await batch(world, [new_row(0, caller_id=FRONT)])
    (call,) = await claimed(world)
    await give(world, front, "")
    await world.apply(not_sent(call))
    world.advance(minutes=1)
    assert await claimed(world) == []
    assert await row_reason(world, batch_id, 0) == "NUMBER_WITHOUT_CONFIG"
    await check_invariants(world.store)


# --- said at once


async def test_what_could_never_be_dialled_is_refused_at_once(world: World) -> None:
    draft = await batch(world, 1, draft=True, carrier_config=await config(world, "own"))

    async def refusal_of(change: Any) -> Reason:
        with pytest.raises(PreconditionError) as refused:
            await change
        return refused.value.reason

    assert await refusal_of(batch(world, 1)) is Reason.CARRIER_NOT_CONFIGURED
    assert await refusal_of(batch(world, 1, carrier="")) is Reason.CARRIER_NOT_CONFIGURED
    without = world.change(draft, with_terms(carrier_config=""))
    assert await refusal_of(without) is Reason.CARRIER_NOT_CONFIGURED

    east, elsewhere = await config(world, "east"), await config(world, "far", "elsewhere")
    front = await number(world, FRONT, east)
    await world.change(draft, with_terms(carrier_config="", phone_numbers=(FRONT,)))
    await give(world, front, "")
    assert await refusal_of(world.change(draft, rules.start)) is Reason.CARRIER_NOT_CONFIGURED
    await give(world, front, elsewhere)
    assert await refusal_of(world.change(draft, rules.start)) is Reason.NO_USABLE_NUMBER
    await give(world, front, east)
    await world.change(draft, rules.start)
    assert configs_of(await claimed(world)) == [(FRONT, east)]


async def test_a_direct_call_is_dialled_with_its_number_or_refused(world: World) -> None:
    east = await config(world, "east")
    await number(world, FRONT, east)
    made = await world.direct(terms=TERMS, caller_id=FRONT)
    assert made.claimed is not None
    assert configs_of([made.claimed]) == [(FRONT, east)]
    for text in (FREE, ""):
        with pytest.raises(PreconditionError) as refused:
            await world.direct(terms=TERMS, caller_id=text)
        assert refused.value.reason is Reason.CARRIER_NOT_CONFIGURED
    with pytest.raises(ExhaustedError) as held:
        await world.direct(new_row(1, caller_id=FREE), terms=TERMS, caller_id=FRONT)
    assert held.value.metadata["because"] == "CALLER_ID_WITHOUT_CONFIG"


async def test_batches_follow_the_carriers_of_the_server(world: World) -> None:
    store = world.store.carrier_configs
    east = await config(world, "east")
    await number(world, FRONT, east)
    batch_id = await world.batch([new_row(0, caller_id=FREE)])
    await store.follow_terms(TERMS)
    assert await claimed(world) == []
    assert await row_reason(world, batch_id, 0) == "CALLER_ID_WITHOUT_CONFIG"
    await store.follow_terms(NO_TERMS)
    assert configs_of(await claimed(world)) == [(FREE, "")]


async def test_an_account_without_numbers_gives_a_batch_a_config(world: World) -> None:
    batch_id = await world.batch([new_row(0, caller_id=FREE), new_row(1)])
    await world.store.carrier_configs.follow_terms(TERMS)
    assert await claimed(world) == []
    reasons = [await row_reason(world, batch_id, n) for n in range(2)]
    assert reasons == ["CALLER_ID_WITHOUT_CONFIG"] * 2
    own = await config(world, "own")
    await world.change(batch_id, with_terms(carrier_config=own))
    assert configs_of(await claimed(world)) == [("", own), (FREE, own)]
    await check_invariants(world.store)


async def test_a_batch_with_a_config_costs_no_statement_more(world: World) -> None:
    own = await config(world, "own")
    costs = []
    for terms in (NO_TERMS, TERMS):
        await world.batch(3, terms=terms, carrier_config=own)
        claims, said = await said_by(world.store, lambda tx: claim(tx, 100, ParsedAgents()))
        assert len((await world.send(claims.calls)).calls) == 3
        costs.append(len(said))
    assert costs[0] == costs[1]


# --- whatever has what

CONFIGS = st.sampled_from(["", "east", "west", "empty", "far"])
SHOWN = st.sampled_from(["", FRONT, BACK, SIDE, FREE])


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    of_numbers=st.tuples(CONFIGS, CONFIGS, CONFIGS),
    of_batch=st.sampled_from(["", "", "west"]),
    listed=st.booleans(),
    rows=st.lists(SHOWN, min_size=1, max_size=12),
    later=st.tuples(CONFIGS, CONFIGS, CONFIGS),
)
async def test_nobody_is_dialled_but_through_what_the_batch_or_the_number_has(
    world: World,
    of_numbers: tuple[str, str, str],
    of_batch: str,
    listed: bool,
    rows: list[str],
    later: tuple[str, str, str],
) -> None:
    own = await settled(world.store, world.clock, world.ids)
    ids = {name: await config(own, name) for name in ("east", "west")}
    ids["empty"] = await config(own, "empty", credentials=None)
    ids["far"] = await config(own, "far", "elsewhere")
    # Without a number that could be used no batch is made.
    await number(own, "+15550008888", "east")
    addresses = (FRONT, BACK, SIDE)
    numbers = [await number(own, a, c) for a, c in zip(addresses, of_numbers, strict=True)]
    pool = (FRONT, "+15550008888") if listed else ()
    batch_id = await batch(
        own,
        [new_row(n, caller_id=text) for n, text in enumerate(rows)],
        carrier_config=of_batch,
        phone_numbers=pool,
    )

    def through(shown: str, configs: dict[str, str]) -> str | None:
        """None: it cannot be dialled."""
        if of_batch:
            return ids[of_batch]
        name = configs.get(shown, "")
        return ids[name] if name in ("east", "west") else None

    left = dict(enumerate(rows))
    for held in (of_numbers, later):
        configs = {"+15550008888": "east", **dict(zip(addresses, held, strict=True))}
        for one, name in zip(numbers, held, strict=True):
            await give(own, one, name)
        calls = await claimed(own)
        for call in calls:
            config_id = call.carrier_config and call.carrier_config.config_id
            assert config_id == through(call.caller_id, configs)
            assert left.pop(int(call.address[-7:])) in ("", call.caller_id)
        for position, text in left.items():
            assert through(text, configs) is None
            assert text or not listed
            assert (await row_reason(own, batch_id, position)).endswith(
                ("WITHOUT_CONFIG", "NOT_USABLE")
            )
        await own.apply(*(ended(call) for call in calls))
    if left:
        await own.change(batch_id, rules.cancel)
        await own.settle_all()
    await check_invariants(world.store)
