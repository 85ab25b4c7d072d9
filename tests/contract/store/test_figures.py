"""Figures of the whole database, from its kept counts."""

from datetime import timedelta

from outdial_server.domain.batch import BatchState
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.slots import ScopeKind
from outdial_server.ports.carrier import RawCallback
from outdial_server.ports.figures import Figures, SlotFigures, WebhookFigures
from support.clock import ManualSignals
from support.delivering import DEAD, Delivering, change, hook
from support.stores import World, unclear


async def figures_of(world: World, accounts_most: int = 10) -> Figures:
    return await world.store.figures.read_figures(accounts_most)


async def test_slots_are_summed_by_kind_with_the_scopes_that_are_full(world: World) -> None:
    await world.batch(5, max_concurrent_calls=2)
    await world.claim()
    by_kind = {slots.kind: slots for slots in (await figures_of(world)).slots}
    assert by_kind[ScopeKind.BATCH] == SlotFigures(ScopeKind.BATCH, used=2, cap=2, full=1)
    account = by_kind[ScopeKind.ACCOUNT]
    assert (account.used, account.full) == (2, 0)
    # No limit is no cap, and never full.
    assert by_kind[ScopeKind.AGENT] == SlotFigures(ScopeKind.AGENT, used=2, cap=0, full=0)


async def test_batches_and_their_rows_are_counted_until_they_end(world: World) -> None:
    await world.batch(3)
    await world.batch(2, draft=True)
    await world.send(await world.claim(1))
    figures = await figures_of(world)
    assert figures.batches[BatchState.RUNNING] == 1
    assert figures.batches[BatchState.DRAFT] == 1
    assert figures.batches[BatchState.COMPLETED] == 0
    assert figures.rows == {
        ScheduledCallState.WAITING: 4,
        ScheduledCallState.DIALING: 1,
        ScheduledCallState.IN_PROGRESS: 0,
    }


async def test_unknown_calls_are_counted(world: World) -> None:
    await world.batch(1)
    (call,) = await world.sending()
    await world.apply(unclear(call))
    assert (await figures_of(world)).unknown == 1


async def test_only_the_oldest_accounts_have_figures_of_their_own(world: World) -> None:
    second = await world.new_account(max_concurrent_calls=7)
    await world.new_account()
    accounts = (await figures_of(world, accounts_most=2)).accounts
    assert [account.account_id for account in accounts] == [world.account_id, second]
    assert accounts[1].cap == 7


async def test_callbacks_that_wait_are_counted_with_the_age_of_the_oldest(world: World) -> None:
    assert (await figures_of(world)).oldest_callback_seconds == 0
    for body in (b"1", b"2"):
        await world.store.callbacks.store(RawCallback("simulated", "", "", {}, body))
        world.clock.advance(timedelta(seconds=4))
    figures = await figures_of(world)
    assert (figures.callbacks, figures.oldest_callback_seconds) == (2, 8.0)


async def test_the_database_has_a_size(world: World) -> None:
    assert (await figures_of(world)).database_bytes > 10_000


async def test_endpoints_that_fail_and_what_waits_for_them_are_counted(
    world: World, signals: ManualSignals
) -> None:
    assert (await figures_of(world)).webhooks == WebhookFigures(0, 0, 0.0)
    delivering = Delivering(world, signals)
    delivering.endpoint.result = DEAD
    webhook = await hook(world)
    await world.batch(1)
    await world.batch(1)
    await delivering.for_long(timedelta(minutes=20))
    figures = (await figures_of(world)).webhooks
    assert (figures.failing, figures.pending) == (1, 2)
    assert figures.lag_seconds >= 20 * 60
    await change(world, webhook, active=False)
    assert (await figures_of(world)).webhooks == WebhookFigures(0, 0, 0.0)
