"""Calls that nobody of ours dials, in the store: whom they are given to, when they are taken for
unjoined, and how a batch rests when its webhook fails."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from outdial_server.domain.batch_policies import UnknownPolicy
from outdial_server.domain.batch_webhook import BatchWebhook
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.call_event import CallEvent, Joined, Over
from outdial_server.domain.ids import BatchId
from outdial_server.domain.medium import Medium
from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.domain.retry_policy import FixedDelays, RetryPolicy, RetryRule
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState
from outdial_server.domain.webhook_secrets import SealedSecrets
from outdial_server.engine.queues import GatheredReports
from outdial_server.engine.reconciler import Reconciler
from outdial_server.ports.carrier import CallQuery, Carrier, LookUpResult, NobodyToAsk
from outdial_server.ports.dispatch import ClaimedCall
from support.carriers import FunctionCarrier
from support.clock import ManualSignals
from support.invariants import check_invariants
from support.stores import World, accepted, new_row, refused, unclear

HOOK = BatchWebhook("https://hooks.example.com/ready", SealedSecrets("sealed"))
REST = timedelta(seconds=30)
RING = timedelta(seconds=20)


async def theirs(world: World, rows: Any = 1, **values: Any) -> BatchId:
    """A batch that somebody else calls."""
    given = {"webhook": HOOK, "ring_timeout": RING, "carrier": "webhook"} | values
    return await world.batch(rows, medium=Medium.WEBHOOK, **given)


async def nobody_to_ask(query: CallQuery) -> LookUpResult:
    return NobodyToAsk()


class Reconciling:
    """The reconciler over a real store, tick by tick."""

    def __init__(self, world: World, signals: ManualSignals) -> None:
        self._world = world
        self.reports = GatheredReports(signals)
        self.asked: list[str] = []
        self._reconciler = Reconciler(world.store.dispatch, self._find, self.reports, signals)

    async def _find(self, carrier: str, config: object) -> Carrier | None:
        self.asked.append(carrier)
        return FunctionCarrier(look_up=nobody_to_ask)

    async def tick(self) -> Any:
        next_at = await self._reconciler.tick(self._world.clock.now())
        await self._world.apply(*self.reports.take(100))
        await check_invariants(self._world.store)
        return next_at


@pytest.fixture
def reconciling(world: World, signals: ManualSignals) -> Reconciling:
    return Reconciling(world, signals)


async def tell(world: World, call: ClaimedCall, event: CallEvent) -> None:
    await world.store.dispatch.apply_call_event(call.account_id, call.call_id, event)


async def test_a_batch_keeps_its_medium_and_its_webhook(world: World) -> None:
    batch_id = await theirs(world)
    batch = await world.get(batch_id)
    assert (batch.medium, batch.carrier, batch.settings.webhook) == (
        Medium.WEBHOOK,
        "webhook",
        HOOK,
    )
    rotated = HOOK.secrets.rotated("sealed anew", world.clock.now())
    await world.edit(batch_id, webhook=BatchWebhook(HOOK.url, rotated))
    assert (await world.get(batch_id)).settings.webhook == replace(HOOK, secrets=rotated)
    plain = await world.get(await world.batch(1))
    assert (plain.medium, plain.settings.webhook) == (Medium.OUTGOING, None)


async def test_each_is_claimed_for_whoever_is_to_see_to_it(world: World) -> None:
    rows = [
        new_row(0),
        new_row(1, medium=Medium.WEBHOOK),
        new_row(2, medium=Medium.OUTGOING),
    ]
    batch_id = await world.batch(rows, webhook=HOOK)
    calls = await world.sending()
    assert [call.carrier for call in calls] == ["simulated", "webhook", "simulated"]
    assert [call.webhook for call in calls] == [None, HOOK, None]
    assert [row.medium for row in await world.rows(batch_id)] == [row.medium for row in rows]
    shown = [await world.store.calls.get_call(world.account_id, c.call_id) for c in calls]
    assert [call.carrier for call in shown] == ["simulated", "webhook", "simulated"]


async def test_a_webhook_that_changes_between_claim_and_sending_is_claimed_anew(
    world: World,
) -> None:
    batch_id = await theirs(world)
    claims = await world.claim()
    moved = replace(HOOK, url="https://other.example.com/")
    await world.edit(batch_id, webhook=moved)
    assert not (await world.send(claims)).calls
    (again,) = await world.sending()
    assert again.webhook == moved


async def test_who_is_not_joined_in_time_is_unjoined_at_that_moment(
    world: World, reconciling: Reconciling
) -> None:
    batch_id = await theirs(world, 2)
    unjoined, joined = await world.live()
    world.advance(seconds=19)
    await tell(world, joined, CallEvent(Joined()))
    assert await reconciling.tick() == world.later(seconds=1)
    assert reconciling.asked == []
    world.advance(seconds=1)
    await reconciling.tick()
    assert reconciling.asked == ["webhook"]
    shown = await world.store.calls.get_call(world.account_id, unjoined.call_id)
    assert (shown.disposition, shown.reason) == (Disposition.UNJOINED, "JOIN_TIMEOUT")
    assert (await world.row(batch_id)).state is ScheduledCallState.FAILED
    assert await world.call_state(joined) is CallState.IN_PROGRESS
    assert await world.used() == (1, 1)
    await tell(world, unjoined, CallEvent(Joined()))
    assert await world.call_state(unjoined) is CallState.ENDED, "too late"


async def test_who_joins_while_the_look_is_under_way_is_joined(world: World) -> None:
    await theirs(world)
    (call,) = await world.live()
    await tell(world, call, CallEvent(Joined()))
    await world.apply(CallReport(call.call_id, ReportKind.UNJOINED, reason="JOIN_TIMEOUT"))
    assert await world.call_state(call) is CallState.IN_PROGRESS


async def test_a_start_of_the_server_ends_nobody_before_the_time(
    world: World, reconciling: Reconciling
) -> None:
    await theirs(world, 2)
    waiting, talking = await world.live()
    await tell(world, talking, CallEvent(Joined()))
    world.advance(seconds=5)
    await world.store.dispatch.reap(every_lease=True)
    assert await reconciling.tick() == world.later(seconds=15)
    assert await world.call_state(waiting) is CallState.ACCEPTED
    assert await world.call_state(talking) is CallState.IN_PROGRESS


async def test_an_end_that_nobody_reports_is_presumed(
    world: World, reconciling: Reconciling
) -> None:
    await theirs(world, max_call_duration=timedelta(minutes=1))
    (call,) = await world.live()
    await tell(world, call, CallEvent(Joined()))
    world.advance(minutes=4)
    await reconciling.tick()
    shown = await world.store.calls.get_call(world.account_id, call.call_id)
    assert (shown.disposition, shown.reason) == (Disposition.PRESUMED_ENDED, "NO_END_REPORTED")
    assert await world.used() == (0, 0)


async def test_a_lost_answer_is_known_by_a_report_or_ends_unknown_and_is_never_asked_again(
    world: World, reconciling: Reconciling
) -> None:
    batch_id = await theirs(world, 2, unknown_policy=UnknownPolicy.RECONCILED_RETRY)
    taken, lost = await world.sending()
    await world.apply(unclear(taken), unclear(lost))
    await tell(world, taken, CallEvent(Joined()))
    await tell(world, taken, CallEvent(Over()))
    world.advance(seconds=49)
    await reconciling.tick()
    assert await world.call_state(lost) is CallState.UNKNOWN
    world.advance(seconds=1)
    await reconciling.tick()
    first, second = await world.rows(batch_id)
    assert (first.state, first.dispatch_outcome) == (
        ScheduledCallState.COMPLETED,
        DispatchOutcome.ACCEPTED,
    )
    assert (second.state, second.disposition) == (
        ScheduledCallState.FAILED,
        Disposition.UNKNOWN,
    )
    assert (await world.get(batch_id)).ended_at == world.clock.now()
    assert await world.claim() == []


async def test_under_hold_a_lost_answer_gives_its_slot_back_and_waits_for_a_person(
    world: World, reconciling: Reconciling
) -> None:
    await theirs(world, unknown_policy=UnknownPolicy.HOLD)
    (call,) = await world.sending()
    await world.apply(unclear(call))
    world.advance(seconds=50)
    await reconciling.tick()
    assert await world.call_state(call) is CallState.UNKNOWN
    assert await world.used() == (0, 0)


async def test_who_was_not_joined_is_told_of_again_where_a_rule_says_so(
    world: World, reconciling: Reconciling
) -> None:
    rule = RetryRule(Disposition.UNJOINED, FixedDelays((timedelta(minutes=5),)))
    await theirs(world, retry_policy=RetryPolicy((rule,)))
    (call,) = await world.live()
    world.advance(seconds=20)
    await reconciling.tick()
    world.advance(minutes=5)
    (again,) = await world.sending()
    assert (again.call_id != call.call_id, again.address) == (True, call.address)


@pytest.mark.parametrize("how", [refused, unclear])
async def test_a_batch_whose_webhook_has_failed_rests_and_then_goes_on(
    world: World, how: Any
) -> None:
    batch_id = await theirs(world, 3)
    await world.batch(1)
    (first,) = [c for c in await world.sending(2) if c.carrier == "webhook"]
    await world.apply(how(first)._replace(batch_rests=REST))
    await check_invariants(world.store)
    rests_until = world.later(seconds=30)
    claims = await world.store.dispatch.claim(10)
    assert (claims.calls, claims.next_due_at) == ((), rests_until)
    standing = await world.store.standings.batch_standing(world.account_id, batch_id)
    (gate,) = [a for a in standing.scope_answers if a.gate == "webhook"]
    assert (gate.reason, gate.next_at) == ("WEBHOOK_FAILED", rests_until)
    world.advance(seconds=30)
    assert len(await world.sending()) == 2


async def test_reports_that_come_too_late_let_nothing_rest(world: World) -> None:
    batch_id = await theirs(world, 2)
    (call,) = await world.sending(1)
    await tell(world, call, CallEvent(Joined()))
    await world.apply(refused(call)._replace(batch_rests=REST))
    assert (await world.get(batch_id)).rests_until is None
    assert await world.call_state(call) is CallState.IN_PROGRESS
    await world.apply(accepted(call))
    assert len(await world.sending()) == 1


async def test_no_carrier_is_asked_about_calls_that_somebody_else_places(world: World) -> None:
    rows = [new_row(0), new_row(1, medium=Medium.WEBHOOK)]
    await world.batch(rows, webhook=HOOK)
    ours, _ = await world.live()
    world.advance(seconds=15)
    queued = await world.store.carrier_queues.queued_calls(["simulated"], 10)
    assert [call.query.call_id for call in queued] == [ours.call_id]
