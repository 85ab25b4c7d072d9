"""RedeliverWebhookEvents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from outdial_server.domain import limits
from outdial_server.domain.checks import Checks
from outdial_server.domain.errors import ExhaustedError, Reason
from outdial_server.domain.ids import AccountId, BatchId, WebhookId
from outdial_server.domain.webhook_message import EventRange, event_named
from outdial_server.ports.signals import Signals, Topic
from outdial_server.ports.webhook_log import PastEvents, RedeliveryStore

_GROUP: Final = 100
"""Batches of one transaction: two statements for each, some 3 ms."""


@dataclass(frozen=True, slots=True)
class RedeliveryOrder:
    """Either the ids of messages, or a time with `since`."""

    message_ids: Sequence[str] = ()
    since: datetime | None = None
    # None: until now.
    until: datetime | None = None
    batch_id: BatchId | None = None


@dataclass(frozen=True, slots=True)
class Redelivery:
    """What is sent again: events of all types, of which the endpoint gets what it is told of."""

    batches: int
    events: int


@dataclass(frozen=True, slots=True)
class RedeliverWebhookEvents:
    events: RedeliveryStore
    signals: Signals

    async def execute(
        self, account_id: AccountId, webhook_id: WebhookId, order: RedeliveryOrder
    ) -> Redelivery:
        """Raises InvalidFieldsError, NotFoundError (WEBHOOK_NOT_FOUND, BATCH_NOT_FOUND,
        WEBHOOK_EVENT_NOT_FOUND), PreconditionError (WEBHOOK_INACTIVE), ExhaustedError
        (REDELIVERY_TOO_LARGE). When it breaks off some events may wait already; asking again
        sends none twice that still waits."""
        ranges = await self._find(account_id, webhook_id, order)
        # At least once: who asks for nothing is told, too, if the endpoint is not active.
        for first in range(0, max(1, len(ranges)), _GROUP):
            await self.events.resend(account_id, webhook_id, ranges[first : first + _GROUP])
        self.signals.wake(Topic.DELIVER)
        batches = {one.batch_id for one in ranges}
        return Redelivery(len(batches), sum(one.count for one in ranges))

    async def _find(
        self, account_id: AccountId, webhook_id: WebhookId, order: RedeliveryOrder
    ) -> Sequence[EventRange]:
        named = _checked(order)
        if order.since is None:
            return await self.events.named_events(account_id, webhook_id, named)
        most = limits.REDELIVERY_BATCHES_MAX
        past = PastEvents(order.since, order.until, order.batch_id)
        ranges = await self.events.past_events(account_id, webhook_id, past, most)
        if len(ranges) > most:
            raise ExhaustedError(
                Reason.REDELIVERY_TOO_LARGE,
                f"more than {most} batches and direct calls have events in that time",
                {"limit": str(most)},
            )
        return ranges


def _checked(order: RedeliveryOrder) -> Sequence[tuple[BatchId, int]]:
    """The events that it names. Raises InvalidFieldsError."""
    checks = Checks()
    checks.at_most("message_ids", len(order.message_ids), limits.REDELIVERY_MESSAGES_MAX)
    named = [event_named(text) for text in order.message_ids]
    for place, event in enumerate(named):
        if event is None:
            checks.fault(f"message_ids[{place}]", "is no message id")
    if order.message_ids:
        for name in ("since", "until", "batch_id"):
            if getattr(order, name) is not None:
                checks.fault(_FIELDS[name], "must not be given together with message_ids")
    elif order.since is None:
        checks.fault("message_ids", "is required, or a since_time")
    elif order.until is not None and order.until <= order.since:
        checks.fault("until_time", "must be after since_time")
    checks.raise_if_any()
    return [event for event in named if event is not None]


_FIELDS: Final = {"since": "since_time", "until": "until_time", "batch_id": "batch_id"}
