"""A database that may not know of its last calls: nobody is claimed or sent until those that
carriers have on record were held against it."""

from datetime import timedelta

import pytest

from outdial_server.domain.batch_webhook import BatchWebhook
from outdial_server.domain.carrier_config import (
    CarrierConfigFields,
    CarrierRates,
    config_ref,
)
from outdial_server.domain.credentials import SealedCredentials
from outdial_server.domain.errors import ExhaustedError, Reason
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.domain.medium import WEBHOOK_CARRIER, Medium
from outdial_server.domain.quarantine import DOUBT_MARGIN
from outdial_server.domain.webhook_secrets import SealedSecrets
from outdial_server.ports.carrier import ListedCall
from outdial_server.ports.quarantine import Compared, DoubtedAccount
from support.clock import START, ManualClock
from support.stores import World, accepted, new_row


async def moved_to_another_timeline(world: World) -> None:
    """As the row looks to a server whose database has been taken over."""
    await world.execute("UPDATE installation SET timeline = 'another'")


@pytest.mark.postgres
@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_failover_is_seen_by_the_next_beat_and_by_claims_before_it(
    world: World, clock: ManualClock
) -> None:
    store = world.store.quarantine
    await world.batch(2)
    assert await store.beat() is None
    claimed = await world.claim(1)
    await moved_to_another_timeline(world)
    assert await world.claim() == []
    assert not (await world.send(claimed)).calls
    clock.advance(timedelta(minutes=5))
    begun = await store.beat()
    assert begun is not None
    assert (begun.begun_at, begun.doubt_from) == (clock.now(), START - DOUBT_MARGIN)
    assert await world.claim() == []
    # The beat has noted where the database is now, so it can be lifted.
    assert await store.lift_quarantine(begun.begun_at)
    assert len(await world.claim()) == 2


async def test_nobody_is_claimed_or_sent_in_quarantine(world: World) -> None:
    store = world.store.quarantine
    await world.batch(3)
    claimed = await world.claim(2)
    await store.begin_quarantine(START - timedelta(hours=1))
    assert await world.claim() == []
    assert not (await world.send(claimed)).calls
    doubts = await store.read_doubts()
    assert not doubts.has_claims, "what was held back is given back at once"
    assert DoubtedAccount("simulated") in doubts.accounts
    assert await store.lift_quarantine()
    assert not await store.lift_quarantine()
    assert len(await world.claim()) == 3


async def test_a_direct_call_is_refused_in_quarantine_or_waits_unclaimed(
    world: World, clock: ManualClock
) -> None:
    store = world.store.quarantine
    await store.begin_quarantine(START)
    with pytest.raises(ExhaustedError) as refused:
        await world.direct()
    assert refused.value.reason is Reason.CALL_HELD_BACK
    assert dict(refused.value.metadata) == {"gate": "engine", "because": "FAILOVER"}
    made = await world.direct(wait_until=clock.now() + timedelta(hours=1))
    assert made.claimed is None
    assert not (await store.read_doubts()).has_claims, "it would keep the quarantine from its end"
    await store.lift_quarantine()
    assert [call.call_id for call in await world.claim()] == [made.call.call_id]


async def config(
    world: World, name: str, carrier: str, credentials: SealedCredentials | None = None
) -> DoubtedAccount:
    made = await world.store.carrier_configs.create_carrier_config(
        world.account_id,
        CarrierConfigId(world.ids.new_id()),
        carrier,
        CarrierConfigFields(name, credentials=credentials),
        CarrierRates({}),
    )
    ref = config_ref(made.carrier_config_id)
    return DoubtedAccount(carrier, ref, has_credentials=credentials is not None)


async def test_carrier_configs_that_people_name_are_asked_at_whatever_carrier(
    world: World,
) -> None:
    main = await config(world, "main", "simulated")
    far = await config(world, "far", "elsewhere", SealedCredentials({}, "sealed"))
    await config(world, "unused", "elsewhere")
    assert far.config is not None
    await world.batch([new_row(0), new_row(1, carrier_config=far.config.config_id)])
    await world.store.quarantine.begin_quarantine(START)
    doubts = await world.store.quarantine.read_doubts()
    assert doubts.accounts == [main, far, SIMULATED]


SIMULATED = DoubtedAccount("simulated")
WEBHOOK = DoubtedAccount(WEBHOOK_CARRIER)
HOOK = BatchWebhook("https://hooks.example.com/ready", SealedSecrets("sealed"))


@pytest.mark.parametrize(
    ("of_batch", "of_rows", "carrier", "asked"),
    [
        (Medium.OUTGOING, [None, None], "simulated", [SIMULATED]),
        (Medium.OUTGOING, [None, Medium.WEBHOOK], "simulated", [SIMULATED, WEBHOOK]),
        (Medium.WEBHOOK, [None, Medium.OUTGOING], "simulated", [SIMULATED, WEBHOOK]),
        (Medium.WEBHOOK, [None, None], WEBHOOK_CARRIER, [WEBHOOK]),
    ],
)
async def test_whoever_a_medium_leads_to_is_asked(
    world: World,
    of_batch: Medium,
    of_rows: list[Medium | None],
    carrier: str,
    asked: list[DoubtedAccount],
) -> None:
    rows = [new_row(n, medium=medium) for n, medium in enumerate(of_rows)]
    await world.batch(rows, medium=of_batch, carrier=carrier, webhook=HOOK)
    await world.store.quarantine.begin_quarantine(START)
    assert (await world.store.quarantine.read_doubts()).accounts == asked


async def test_one_that_begins_again_doubts_from_the_earliest_moment_and_is_another_one(
    world: World, clock: ManualClock
) -> None:
    store = world.store.quarantine
    await store.begin_quarantine(START - timedelta(hours=1))
    clock.advance(timedelta(minutes=1))
    await store.begin_quarantine(START)
    found = await store.read_quarantine()
    assert found is not None
    assert found.doubt_from == START - timedelta(hours=1)
    assert not await store.lift_quarantine(START)
    assert await store.lift_quarantine(found.begun_at)


async def test_whoever_was_called_is_not_dialled_again(world: World) -> None:
    store = world.store.quarantine
    batch = await world.batch(4)
    known, lost = await world.claim(2)
    await world.send([known])
    await store.begin_quarantine(START - timedelta(hours=1))
    listed = [
        ListedCall("SIM1", known.address, is_live=True, call_id=known.call_id),
        # Its claim is known, and that it was sent is not.
        ListedCall("SIM2", lost.address, is_live=True, call_id=lost.call_id),
        ListedCall("SIM3", "+19999999999", is_live=False),
    ]
    assert await store.compare(listed) == Compared(ended=0, live=1)
    # Once it waits again.
    assert not (await world.send([lost])).calls
    assert await store.compare(listed) == Compared(ended=1, live=1)
    assert await store.compare(listed) == Compared(ended=0, live=1)
    await store.lift_quarantine()
    others = await world.claim()
    assert {call.address for call in others}.isdisjoint({known.address, lost.address})
    assert len(others) == 2
    counts = (await world.get(batch)).counts
    assert (counts.skipped, counts.waiting, counts.dialing) == (1, 2, 1)


async def test_calls_that_go_on_are_looked_up_at_once(world: World) -> None:
    """Their ends may be among what was lost."""
    await world.batch(2)
    live = await world.live(1)
    await world.sending(1)
    silent = await world.store.dispatch.silent_calls(10)
    assert silent.calls == ()
    await world.store.quarantine.begin_quarantine(START)
    silent = await world.store.dispatch.silent_calls(10)
    assert [call.call_id for call in silent.calls] == [call.call_id for call in live]


async def test_a_call_is_known_by_the_carrier_s_id_where_that_knows_none_of_ours(
    world: World,
) -> None:
    await world.batch(1)
    (call,) = await world.claim()
    await world.send([call])
    await world.apply(accepted(call, "CA1"))
    store = world.store.quarantine
    known = ListedCall("CA1", call.address, is_live=True)
    assert await store.compare([known]) == Compared(ended=0, live=0)
    unknown = ListedCall("CA2", call.address, is_live=True)
    assert await store.compare([unknown]) == Compared(ended=0, live=1)


async def test_a_call_of_somebody_else_s_is_unknown_by_whatever_id_he_gave_it(
    world: World,
) -> None:
    await world.batch(2)
    store = world.store.quarantine
    theirs = ListedCall("CA1", "+19999999999", is_live=True, call_id="order 17")
    assert await store.compare([theirs]) == Compared(ended=0, live=1)


async def test_a_call_without_a_number_is_nobody_s_until_it_is_told(world: World) -> None:
    await world.batch(1)
    store = world.store.quarantine
    assert await store.compare([ListedCall("CA1", "", is_live=True)]) == Compared(ended=0, live=1)
