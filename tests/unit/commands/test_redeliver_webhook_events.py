"""RedeliverWebhookEvents: what is asked, in which groups, and what is refused."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest

from outdial_server.commands.redeliver_webhook_events import (
    RedeliverWebhookEvents,
    Redelivery,
    RedeliveryOrder,
)
from outdial_server.domain import limits
from outdial_server.domain.errors import ExhaustedError, InvalidFieldsError, Reason
from outdial_server.domain.ids import AccountId, BatchId, WebhookId
from outdial_server.domain.webhook_message import EventRange, message_id, ranges_of
from outdial_server.ports.webhook_log import PastEvents
from support.clock import START, ManualClock, ManualSignals
from support.domain import ACCOUNT

HOOK = WebhookId("hook")
LATER = START + timedelta(hours=1)


def batch(n: int) -> BatchId:
    return BatchId(str(UUID(int=n)))


@dataclass
class Events:
    """A RedeliveryStore with one event in each of so many batches."""

    batches: int = 0
    asked: list[PastEvents] = field(default_factory=list)
    resent: list[Sequence[EventRange]] = field(default_factory=list)

    async def named_events(
        self, account_id: AccountId, webhook_id: WebhookId, named: Sequence[tuple[BatchId, int]]
    ) -> Sequence[EventRange]:
        return ranges_of(named)

    async def past_events(
        self, account_id: AccountId, webhook_id: WebhookId, past: PastEvents, batches_most: int
    ) -> Sequence[EventRange]:
        self.asked.append(past)
        there_are = min(self.batches, batches_most + 1)
        return [EventRange(batch(n), 0, 1) for n in range(there_are)]

    async def resend(
        self, account_id: AccountId, webhook_id: WebhookId, ranges: Sequence[EventRange]
    ) -> None:
        self.resent.append(ranges)


async def ask(events: Events, **order: object) -> Redelivery:
    command = RedeliverWebhookEvents(events, ManualSignals(ManualClock()))
    return await command.execute(ACCOUNT, HOOK, RedeliveryOrder(**order))  # type: ignore[arg-type]


async def test_named_events_go_once_each() -> None:
    events = Events()
    named = [message_id(batch(1), n) for n in (4, 5, 4)] + [message_id(batch(2), 1)]
    assert await ask(events, message_ids=named) == Redelivery(batches=2, events=3)
    assert events.resent == [[EventRange(batch(1), 3, 5), EventRange(batch(2), 0, 1)]]


async def test_a_time_goes_in_groups_that_each_let_dialling_take_its_turn() -> None:
    events = Events(batches=limits.REDELIVERY_BATCHES_MAX)
    told = await ask(events, since=START, until=LATER, batch_id=None)
    assert told == Redelivery(batches=1000, events=1000)
    assert events.asked == [PastEvents(START, LATER)]
    assert [len(group) for group in events.resent] == [100] * 10


async def test_a_time_with_too_much_in_it_sends_nothing() -> None:
    events = Events(batches=limits.REDELIVERY_BATCHES_MAX + 1)
    with pytest.raises(ExhaustedError) as caught:
        await ask(events, since=START)
    assert caught.value.reason is Reason.REDELIVERY_TOO_LARGE
    assert not events.resent


async def test_a_time_with_nothing_in_it_is_asked_of_an_active_endpoint_all_the_same() -> None:
    events = Events()
    assert await ask(events, since=START) == Redelivery(batches=0, events=0)
    assert events.resent == [[]]


@pytest.mark.parametrize(
    ("order", "fields"),
    [
        ({}, ["message_ids"]),
        ({"until": LATER}, ["message_ids"]),
        ({"message_ids": ["x", message_id(batch(1), 1), ""]}, ["message_ids[0]", "message_ids[2]"]),
        (
            {
                "message_ids": [message_id(batch(1), 1)],
                "since": START,
                "until": LATER,
                "batch_id": batch(1),
            },
            ["since_time", "until_time", "batch_id"],
        ),
        ({"since": START, "until": START}, ["until_time"]),
        (
            {"message_ids": [message_id(batch(1), n) for n in range(1001)]},
            ["message_ids"],
        ),
    ],
)
async def test_what_names_nothing_or_two_things_is_refused_by_field(
    order: dict[str, object], fields: list[str]
) -> None:
    events = Events()
    with pytest.raises(InvalidFieldsError) as caught:
        await ask(events, **order)
    assert [violation.field for violation in caught.value.violations] == fields
    assert not events.resent
