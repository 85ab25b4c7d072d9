"""People who name a carrier config of their own: each call goes through that one, at whatever
carrier, and by its limits alone."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import BatchState
from outdial_server.domain.breaker import ACCOUNT_TERMS
from outdial_server.domain.call import Disposition
from outdial_server.domain.carrier_config import CarrierConfigFields, CarrierRates
from outdial_server.domain.carrier_terms import CarrierTerms
from outdial_server.domain.credentials import SealedCredentials
from outdial_server.domain.errors import NotFoundError, PreconditionError, Reason
from outdial_server.domain.explanation import batch_answers, row_answers
from outdial_server.domain.gates import GateAnswer
from outdial_server.domain.ids import BatchId, CarrierConfigId
from outdial_server.domain.medium import WEBHOOK_CARRIER, Medium
from outdial_server.domain.report import Evidence
from outdial_server.domain.rotation import Rotation
from outdial_server.ports.dispatch import ClaimedCall
from support.invariants import check_invariants
from support.numbers import new_number
from support.stores import World, ended, new_row, new_rows, settled, unclear

FRONT, BACK, SIDE = "+15550001111", "+15550002222", "+15550003333"


async def config(
    world: World,
    name: str,
    carrier: str = "simulated",
    *,
    most: int | None = None,
    rate: float | None = None,
    has_credentials: bool = True,
) -> CarrierConfigId:
    sealed = SealedCredentials({}, "sealed") if has_credentials else None
    fields = CarrierConfigFields(name, most, rate, credentials=sealed)
    made = await world.store.carrier_configs.create_carrier_config(
        world.account_id, CarrierConfigId(world.ids.new_id()), carrier, fields, CarrierRates({})
    )
    return made.carrier_config_id


async def number(world: World, address: str, of_config: str = "") -> None:
    await new_number(world, address, carrier_config=of_config)


async def claimed(world: World) -> list[ClaimedCall]:
    """Whom claims take one after another, SENDING by now."""
    calls: list[ClaimedCall] = []
    while (found := await world.store.dispatch.claim(100)).calls or found.more:
        calls += (await world.send(found.calls)).calls
    return calls


def ways(calls: list[ClaimedCall]) -> list[tuple[int, str, str]]:
    """Whom, by which carrier, and through what."""
    return sorted(
        (
            int(call.address[-7:]),
            call.carrier,
            call.carrier_config.config_id if call.carrier_config else "",
        )
        for call in calls
    )


async def row_answer(world: World, batch_id: BatchId, position: int) -> GateAnswer | None:
    """What is in the way of one person, of all that their call itself is asked."""
    row = await world.row(batch_id, position)
    standing = await world.store.standings.row_standing(world.account_id, row.scheduled_call_id)
    assert standing.candidate is not None
    answers = [levelled.answer for levelled in row_answers(standing, standing.candidate)]
    return next((answer for answer in answers if not answer.is_open), None)


async def test_one_batch_is_dialled_by_several_carriers(world: World) -> None:
    main, far = await config(world, "main"), await config(world, "far", "elsewhere")
    rows = [new_row(0), new_row(1, carrier_config=far), new_row(2, carrier_config=main)]
    batch_id = await world.batch(rows, carrier_config=main)
    assert [row.carrier_config for row in await world.rows(batch_id)] == ["", far, main]
    calls = await claimed(world)
    assert ways(calls) == [(0, "simulated", main), (1, "elsewhere", far), (2, "simulated", main)]
    for call in calls:
        shown = await world.store.calls.get_call(world.account_id, call.call_id)
        assert call.carrier_config is not None
        assert (shown.carrier, shown.carrier_config) == (
            call.carrier,
            call.carrier_config.config_id,
        )
    await world.apply(*(ended(call) for call in calls))
    await check_invariants(world.store)


async def test_calls_are_looked_up_and_taken_back_at_their_own_carrier(world: World) -> None:
    far = await config(world, "far", "elsewhere")
    await world.batch([new_row(0), new_row(1, carrier_config=far)])
    near_call, far_call = sorted(await world.live(), key=lambda call: call.address)
    world.advance(seconds=10)
    for carrier, call in (("simulated", near_call), ("elsewhere", far_call)):
        (queued,) = await world.store.carrier_queues.queued_calls((carrier,), 100)
        assert (queued.carrier, queued.query.call_id) == (carrier, call.call_id)
        of_queued, of_call = queued.carrier_config, call.carrier_config
        assert (of_queued and of_queued.config_id) == (of_call and of_call.config_id)
    world.advance(hours=3)
    silent = (await world.store.dispatch.silent_calls(100)).calls
    assert {(one.call_id, one.carrier) for one in silent} == {
        (near_call.call_id, "simulated"),
        (far_call.call_id, "elsewhere"),
    }


async def test_a_full_config_holds_those_alone_who_go_through_it(world: World) -> None:
    main, far = await config(world, "main", most=1), await config(world, "far", "elsewhere", most=2)
    rows = [new_row(n, carrier_config=far if n % 2 else "") for n in range(8)]
    batch_id = await world.batch(rows, carrier_config=main)
    calls = await claimed(world)
    assert [way[0] for way in ways(calls)] == [0, 1, 3]
    for position in (2, 5):
        answer = await row_answer(world, batch_id, position)
        assert answer is not None
        assert (answer.gate, answer.waits_for) == ("slots_carrier_config", "ANY_CALL_ENDS")
    assert await claimed(world) == []
    await world.apply(ended(calls[1]))
    assert [way[0] for way in ways(await claimed(world))] == [5], "that of the same config"
    await world.apply(ended(calls[0]))
    assert [way[0] for way in ways(await claimed(world))] == [2]
    await check_invariants(world.store)


async def test_the_rate_of_each_config_is_its_own(world: World) -> None:
    slow, fast = await config(world, "slow", rate=1), await config(world, "fast", rate=3)
    rows = [new_row(n, carrier_config=fast if n % 2 else slow) for n in range(10)]
    batch_id = await world.batch(rows)
    assert [way[0] for way in ways(await claimed(world))] == [0, 1, 3, 5]
    answer = await row_answer(world, batch_id, 2)
    assert answer is not None
    assert (answer.gate, answer.reason) == ("carrier_rate", "CARRIER_RATE_REACHED")
    assert answer.next_at is not None
    found = await world.store.dispatch.claim(100)
    assert (found.calls, found.next_due_at) == ((), answer.next_at)
    world.clock.advance(answer.next_at - world.clock.now())
    assert [way[0] for way in ways(await claimed(world))] == [2, 7, 9]


async def test_a_rate_is_held_at_sending_too(world: World) -> None:
    slow = await config(world, "slow", rate=1)
    await world.batch(new_rows(2, carrier_config=slow))
    await world.batch(new_rows(2), carrier_config=slow)
    claims = [call for _ in range(4) for call in (await world.store.dispatch.claim(100)).calls]
    sent = await world.send(claims)
    assert len(sent.calls) == 1
    await check_invariants(world.store)


async def test_an_account_in_trouble_holds_nobody_else_s_calls(world: World) -> None:
    bad, good = await config(world, "bad"), await config(world, "good", "elsewhere")
    rows = [new_row(n, carrier_config=bad) for n in range(ACCOUNT_TERMS.failures)]
    await world.batch(rows)
    await world.apply(
        *(unclear(call)._replace(evidence=Evidence.FAILS) for call in await claimed(world))
    )
    batch_id = await world.batch(
        [new_row(20, carrier_config=bad), new_row(21, carrier_config=good)]
    )
    assert ways(await claimed(world)) == [(21, "elsewhere", good)]
    answer = await row_answer(world, batch_id, 0)
    assert answer is not None
    assert (answer.gate, answer.reason) == ("carrier_account", "CARRIER_FAILING")
    assert answer.next_at is not None
    world.clock.advance(answer.next_at - world.clock.now())
    assert ways(await claimed(world)) == [(20, "simulated", bad)]


async def test_numbers_are_chosen_among_those_of_the_call_s_own_config(world: World) -> None:
    east, west = await config(world, "east"), await config(world, "west")
    await number(world, FRONT, east)
    await number(world, BACK, west)
    await number(world, SIDE)
    rows = [
        *new_rows(4, carrier_config=west),
        new_row(4),
        new_row(5, carrier_config=west, caller_id=FRONT),
        new_row(6, carrier_config=west, caller_id="+15550009999"),
    ]
    numbers = (FRONT, BACK, SIDE)
    await world.batch(rows, phone_numbers=numbers, rotation=Rotation.ROUND_ROBIN)
    calls = sorted(await claimed(world), key=lambda call: call.address)
    assert [call.caller_id for call in calls[:4]] == [BACK, SIDE, BACK, SIDE]
    assert {way[2] for way in ways(calls[:4] + calls[5:])} == {west}
    assert calls[4].caller_id in numbers
    # What somebody is to be shown is shown, whatever that number is dialled with otherwise.
    assert [call.caller_id for call in calls[5:]] == [FRONT, "+15550009999"]
    await world.apply(*(ended(call) for call in calls))
    await check_invariants(world.store)


async def test_own_configs_dial_where_the_batch_s_numbers_have_none(world: World) -> None:
    terms = CarrierTerms(need_config=frozenset({"simulated"}))
    east = await config(world, "east")
    await number(world, FRONT, east)
    await number(world, BACK)
    rows = [
        new_row(0, caller_id=BACK, carrier_config=east),
        new_row(1, caller_id=BACK),
        new_row(2, carrier_config=east),
        new_row(3),
    ]
    batch_id = await world.batch(rows, terms=terms, phone_numbers=(FRONT, BACK))
    calls = sorted(await claimed(world), key=lambda call: call.address)
    assert [call.address[-1] for call in calls] == ["0", "2", "3"]
    assert {way[2] for way in ways(calls)} == {east}
    answer = await row_answer(world, batch_id, 1)
    assert answer is not None
    assert answer.reason == "NUMBER_WITHOUT_CONFIG"


async def test_the_batch_s_parameters_go_with_calls_of_its_own_way_alone(world: World) -> None:
    far = await config(world, "far", "elsewhere")
    rows = [
        new_row(0),
        new_row(1, carrier_config=far),
        new_row(2, carrier_config=far, carrier_params={"record": "yes"}),
    ]
    await world.batch(rows, carrier_params={"Record": True})
    calls = sorted(await claimed(world), key=lambda call: call.address)
    assert [dict(call.carrier_params) for call in calls] == [
        {"Record": True},
        {},
        {"record": "yes"},
    ]


async def test_a_config_that_people_name_is_not_deleted_before_their_batch_ends(
    world: World,
) -> None:
    far = await config(world, "far", "elsewhere")
    batch_id = await world.batch([new_row(0, carrier_config=far)])
    configs = world.store.carrier_configs
    with pytest.raises(PreconditionError) as refusal:
        await configs.delete_carrier_config(world.account_id, far)
    assert refusal.value.reason is Reason.CARRIER_CONFIG_IN_USE
    await world.change(batch_id, rules.cancel)
    await world.settle_all()
    await configs.delete_carrier_config(world.account_id, far)
    with pytest.raises(NotFoundError):
        await world.batch([new_row(0, carrier_config=far)])


async def test_a_retry_goes_the_same_way(world: World) -> None:
    far = await config(world, "far", "elsewhere")
    batch_id = await world.batch([new_row(0, carrier_config=far)])
    (call,) = await claimed(world)
    await world.apply(ended(call, Disposition.BUSY))
    await world.retry(batch_id)
    (again,) = await claimed(world)
    assert ways([again]) == ways([call])


async def test_a_list_that_is_added_may_make_a_batch_go_several_ways(world: World) -> None:
    main, far = await config(world, "main", most=1), await config(world, "far", "elsewhere")
    batch_id = await world.batch(3, carrier_config=main)
    first = await claimed(world)
    assert len(first) == 1
    await world.add(batch_id, [new_row(9, carrier_config=far)])
    assert ways(await claimed(world)) == [(9, "elsewhere", far)]
    await world.apply(*(ended(call) for call in first))
    assert ways(await claimed(world)) == [(1, "simulated", main)]
    standing = await world.store.standings.batch_standing(world.account_id, batch_id)
    rows = next(a.answer for a in batch_answers(standing) if a.answer.gate == "rows")
    assert (rows.reason, rows.waits_for) == ("ROWS_WAIT_FOR_NUMBERS", "ANY_CALL_ENDS")


WAY = st.sampled_from(["", "one", "two", "any"])
SHOWN = st.sampled_from(["", "", FRONT, BACK, "+15550009999"])


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    batches=st.lists(
        st.tuples(
            st.sampled_from(["", "one", "two"]),
            st.booleans(),
            st.lists(st.tuples(WAY, SHOWN), min_size=1, max_size=8),
        ),
        min_size=1,
        max_size=3,
    ),
    of_numbers=st.tuples(WAY, WAY),
)
async def test_every_call_goes_its_way_within_the_limits_of_that(
    world: World,
    batches: list[tuple[str, bool, list[tuple[str, str]]]],
    of_numbers: tuple[str, str],
) -> None:
    own = await settled(world.store, world.clock, world.ids)
    ids: dict[str, str] = {
        "": "",
        "one": await config(own, "one", most=1),
        "two": await config(own, "two", most=2),
        "any": await config(own, "any"),
    }
    names = {config_id: name for name, config_id in ids.items()}
    of_number = dict(zip((FRONT, BACK), of_numbers, strict=True))
    for address, name in of_number.items():
        await number(own, address, ids[name])
    expected: dict[str, tuple[str, str]] = {}
    made: list[BatchId] = []
    for n, (of_batch, listed, people) in enumerate(batches):
        rows = [
            new_row(100 * n + i, carrier_config=ids[name], caller_id=text)
            for i, (name, text) in enumerate(people)
        ]
        named = [(name or of_batch, text) for name, text in people]
        expected |= {row.address: one for row, one in zip(rows, named, strict=True)}
        numbers = (FRONT, BACK) if listed else ()
        made.append(await own.batch(rows, carrier_config=ids[of_batch], phone_numbers=numbers))
    left, live = dict(expected), list[ClaimedCall]()
    while left:
        found = [call for call in await claimed(own) if own.account_id == call.account_id]
        assert found, "whoever waits has a way, and no call is under way"
        for call in found:
            asked, text = left.pop(call.address)
            through = names[call.carrier_config.config_id if call.carrier_config else ""]
            assert through == (asked or of_number.get(call.caller_id, ""))
            assert text in ("", call.caller_id)
        live += found
        used = [names[c.carrier_config.config_id] for c in live if c.carrier_config]
        assert used.count("one") <= 1
        assert used.count("two") <= 2
        await check_invariants(own.store)
        await own.apply(*(ended(call) for call in live))
        live.clear()
    assert {(await own.get(one)).state for one in made} == {BatchState.COMPLETED}


async def test_of_a_batch_that_somebody_else_calls_some_are_dialled(world: World) -> None:
    far = await config(world, "far", "elsewhere")
    rows = [new_row(0), new_row(1, medium=Medium.OUTGOING, carrier_config=far)]
    await world.batch(rows, carrier=WEBHOOK_CARRIER, medium=Medium.WEBHOOK)
    assert ways(await claimed(world)) == [(0, WEBHOOK_CARRIER, ""), (1, "elsewhere", far)]
