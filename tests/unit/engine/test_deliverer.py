"""The deliverer beside endpoints that are slow, and at its end."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.domain.event import BatchAfter, Event, EventType, ScheduledCallAfter
from outdial_server.domain.ids import AccountId, BatchId, CallId, WebhookId
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState
from outdial_server.domain.told_call import Told
from outdial_server.domain.webhook import Failures, Webhook, WebhookFields
from outdial_server.domain.webhook_format import WebhookFormat
from outdial_server.domain.webhook_message import WebhookMessage
from outdial_server.domain.webhook_secrets import SealedSecrets
from outdial_server.domain.webhook_tries import DELAYS, TAKEN, TRIES, TryResult, Verdict
from outdial_server.engine.deliverer import LOOK_EVERY, Deliverer, Delivery
from outdial_server.ports.signals import Topic
from outdial_server.ports.webhooks import Due, DuePlan, TakenTurns, TurnEnd
from support.clock import START, ManualClock, ManualSignals, settle
from support.told import ROW, TOLD

BATCH = BatchId("00000000-0000-7000-8000-000000000001")
EVENTS = [
    Event(n, START, EventType.BATCH_UPDATED, "USER_REQUEST", BatchAfter(3, "", "", 1))
    for n in (1, 2, 3)
]


CALL_ENDED = Event(
    4,
    START,
    EventType.CALL_ENDED,
    "CARRIER",
    ScheduledCallAfter(
        ROW,
        0,
        ScheduledCallState.COMPLETED,
        "",
        DispatchOutcome.ACCEPTED,
        TOLD.call.call_id,
        1,
        TOLD.call.state,
        TOLD.call.disposition,
    ),
)


def webhook(name: str) -> Webhook:
    fields = WebhookFields(f"https://{name}.example.com/")
    secrets = SealedSecrets("sealed")
    return Webhook(WebhookId(name), AccountId("a"), fields, secrets, Failures(), 1, START, START)


def in_format(form: WebhookFormat, failures: int = 0) -> Due:
    """A turn with the end of a call in it."""
    given = due("theirs", failures)
    fields = replace(given.webhook.fields, format=form)
    return replace(given, webhook=replace(given.webhook, fields=fields), events=[CALL_ENDED])


def due(name: str, failures: int = 0) -> Due:
    until = START + timedelta(minutes=5)
    return Due(
        webhook(name),
        BATCH,
        is_direct=False,
        sequence=0,
        failures=failures,
        leased_until=until,
        events=EVENTS,
    )


class Store:
    """A DeliveryStore that gives out what it is filled with."""

    def __init__(self, *turns: Due) -> None:
        self.turns = list(turns)
        self.looks = 0
        self.ended: list[TurnEnd] = []
        self.error: Exception | None = None

    async def take_turns(self, plan: DuePlan) -> TakenTurns:
        self.looks += 1
        turns, self.turns = self.turns, []
        return TakenTurns(turns, any_webhooks=bool(turns), next_at=None)

    async def read_told(self, batch_id: BatchId, call_ids: Collection[CallId]) -> Told:
        return Told(calls={call_id: TOLD for call_id in call_ids if call_id == TOLD.call.call_id})

    async def end_turn(self, end: TurnEnd) -> None:
        if self.error is not None:
            raise self.error
        self.ended.append(end)


class Sender:
    """A WebhookSender; an endpoint named `slow` answers when it is let."""

    def __init__(self, result: TryResult = TAKEN) -> None:
        self.result = result
        self.lets = asyncio.Event()
        self.sent: list[tuple[str, int]] = []

    async def send(self, webhook: Webhook, message: WebhookMessage) -> TryResult:
        self.sent.append((webhook.webhook_id, message.event.sequence))
        if webhook.webhook_id == "slow":
            await self.lets.wait()
        return self.result


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def signals(clock: ManualClock) -> ManualSignals:
    return ManualSignals(clock)


def over(store: Store, sender: Sender, clock: ManualClock, signals: ManualSignals) -> Deliverer:
    return Deliverer(store, sender, UuidV7Ids(clock), clock, signals)


async def test_a_slow_endpoint_holds_up_itself_alone(
    clock: ManualClock, signals: ManualSignals
) -> None:
    store, sender = Store(due("slow"), due("quick")), Sender()
    deliverer = over(store, sender, clock, signals)
    await deliverer.tick(clock.now())
    await settle()
    assert [end.due.webhook.webhook_id for end in store.ended] == ["quick"]
    store.turns = [due("other")]
    clock.advance(LOOK_EVERY)
    await deliverer.tick(clock.now())
    await settle()
    assert [end.due.webhook.webhook_id for end in store.ended] == ["quick", "other"]
    sender.lets.set()
    await deliverer.idle()
    assert [end.sequence for end in store.ended] == [3, 3, 3]


async def test_at_the_end_the_request_that_is_out_is_the_last(
    clock: ManualClock, signals: ManualSignals
) -> None:
    store, sender = Store(due("slow")), Sender()
    deliverer = over(store, sender, clock, signals)
    await deliverer.tick(clock.now())
    await settle()
    ending = asyncio.create_task(deliverer.finish())
    await settle()
    assert not ending.done()
    sender.lets.set()
    await ending
    assert sender.sent == [("slow", 1)]
    assert [(end.sequence, end.failures) for end in store.ended] == [(1, 0)]


async def test_a_turn_that_cannot_be_kept_is_told_of_in_a_line_while_the_database_is_away(
    clock: ManualClock, signals: ManualSignals
) -> None:
    away = UnavailableError(Reason.DATABASE_UNAVAILABLE, "away")
    lines = []
    for error in (away, RuntimeError("a fault of ours")):
        store = Store(due("slow"))
        store.error = error
        sender = Sender()
        sender.lets.set()
        deliverer = over(store, sender, clock, signals)
        with capture_logs() as logs:
            await deliverer.tick(clock.now())
            await deliverer.idle()
        lines += [(line["event"], line["log_level"], line.get("exc_info")) for line in logs]
    assert lines == [
        ("webhook.turn_failed", "warning", None),
        ("webhook.turn_broken", "error", True),
    ]


async def test_what_fails_waits_for_its_time_and_what_follows_waits_for_it(
    clock: ManualClock, signals: ManualSignals
) -> None:
    store, sender = Store(due("down", failures=2)), Sender(TryResult(Verdict.FAILED, "TIMEOUT"))
    deliverer = over(store, sender, clock, signals)
    await deliverer.tick(clock.now())
    await deliverer.idle()
    ((end),) = store.ended
    assert sender.sent == [("down", 1)]
    assert (end.sequence, end.failures, end.deactivates) == (0, 3, False)
    assert end.next_at is not None
    assert end.next_at - clock.now() >= DELAYS[2]


async def test_an_endpoint_that_has_failed_for_a_day_is_given_up(
    clock: ManualClock, signals: ManualSignals
) -> None:
    last = due("down", failures=len(DELAYS))
    since: datetime = START - timedelta(days=1)
    failing = replace(last.webhook, failures=Failures(len(DELAYS), "TIMEOUT", since))
    store = Store(replace(last, webhook=failing))
    deliverer = over(store, Sender(TryResult(Verdict.FAILED, "TIMEOUT")), clock, signals)
    await deliverer.tick(clock.now())
    await deliverer.idle()
    ((end),) = store.ended
    assert (end.sequence, end.next_at, end.deactivates) == (1, None, True)


THEIRS = [form for form in WebhookFormat if form is not WebhookFormat.OUTDIAL]


@pytest.mark.parametrize("form", THEIRS)
async def test_other_formats_are_tried_at_their_own_times_and_heed_no_410(
    clock: ManualClock, signals: ManualSignals, form: WebhookFormat
) -> None:
    delays = TRIES[form].delays
    for failures, delay in enumerate(delays):
        store = Store(in_format(form, failures))
        sender = Sender(TryResult(Verdict.GONE, "HTTP_410", status=410))
        deliverer = over(store, sender, clock, signals)
        await deliverer.tick(clock.now())
        await deliverer.idle()
        ((end),) = store.ended
        assert (end.failures, end.deactivates) == (failures + 1, False)
        assert end.next_at is not None
        assert delay <= end.next_at - clock.now() <= 1.2 * delay
    store = Store(in_format(form, len(delays)))
    deliverer = over(store, Sender(TryResult(Verdict.FAILED, "TIMEOUT")), clock, signals)
    await deliverer.tick(clock.now())
    await deliverer.idle()
    ((last),) = store.ended
    assert (last.sequence, last.next_at, last.deactivates) == (4, None, False)


@pytest.mark.parametrize("form", THEIRS)
async def test_what_was_erased_or_has_no_word_is_passed_over(
    clock: ManualClock, signals: ManualSignals, form: WebhookFormat
) -> None:
    turn = in_format(form)
    assert isinstance(CALL_ENDED.after, ScheduledCallAfter)
    erased = replace(CALL_ENDED, sequence=5, after=replace(CALL_ENDED.after, call_id=None))
    created = replace(EVENTS[0], sequence=6, type=EventType.BATCH_CREATED)
    store = Store(replace(turn, events=[CALL_ENDED, erased, created]))
    sender = Sender()
    deliverer = over(store, sender, clock, signals)
    await deliverer.tick(clock.now())
    await deliverer.idle()
    assert sender.sent == [("theirs", 4)]
    ((end),) = store.ended
    assert (end.sequence, [one.event for one in end.tries]) == (6, [CALL_ENDED])


async def test_commits_in_quick_succession_make_one_look(
    clock: ManualClock, signals: ManualSignals
) -> None:
    store = Store(due("quick"))
    deliverer = over(store, Sender(), clock, signals)
    assert await deliverer.tick(clock.now()) == START + LOOK_EVERY
    assert await deliverer.tick(clock.now()) == START + LOOK_EVERY
    assert store.looks == 1
    await deliverer.idle()


async def test_a_clock_that_is_set_back_keeps_it_from_no_look(
    clock: ManualClock, signals: ManualSignals
) -> None:
    store = Store()
    deliverer = over(store, Sender(), clock, signals)
    await deliverer.tick(START)
    await deliverer.tick(START - timedelta(hours=1))
    assert store.looks == 2


async def test_commits_wake_it_only_while_there_are_webhooks(
    clock: ManualClock, signals: ManualSignals
) -> None:
    store = Store()
    delivery = Delivery(store, Sender(), UuidV7Ids(clock), clock, signals)
    delivery.start()
    await settle()
    signals.publish([BATCH])
    await settle()
    assert store.looks == 1
    clock.advance(LOOK_EVERY)
    store.turns = [due("quick")]
    signals.wake(Topic.DELIVER)
    await settle()
    assert store.looks == 2
    clock.advance(LOOK_EVERY)
    signals.follow_all(follows=True)
    signals.publish([BATCH])
    await settle()
    assert store.looks == 3
    await delivery.stop()
