"""What became of the events that endpoints were to be told of, and telling them again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from outdial_server.domain.ids import AccountId, BatchId, WebhookId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.webhook_delivery import Delivery, DeliveryFilter
from outdial_server.domain.webhook_message import EventRange


@dataclass(frozen=True, slots=True)
class PastEvents:
    """Events that happened from `since` on and before `until`, of one batch or of all."""

    since: datetime
    # None: now.
    until: datetime | None
    batch_id: BatchId | None = None


class DeliveryLog(Protocol):
    async def list_deliveries(
        self,
        account_id: AccountId,
        webhook_id: WebhookId,
        wanted: DeliveryFilter,
        page: PageRequest,
    ) -> Page[Delivery]:
        """Newest first, by the first try. Raises NotFoundError (WEBHOOK_NOT_FOUND)."""
        ...


class RedeliveryStore(Protocol):
    async def named_events(
        self,
        account_id: AccountId,
        webhook_id: WebhookId,
        named: Sequence[tuple[BatchId, int]],
    ) -> Sequence[EventRange]:
        """Raises NotFoundError (WEBHOOK_NOT_FOUND, WEBHOOK_EVENT_NOT_FOUND)."""
        ...

    async def past_events(
        self, account_id: AccountId, webhook_id: WebhookId, past: PastEvents, batches_most: int
    ) -> Sequence[EventRange]:
        """One range for a batch; of at most one batch more than `batches_most`. Raises
        NotFoundError (WEBHOOK_NOT_FOUND, BATCH_NOT_FOUND)."""
        ...

    async def resend(
        self, account_id: AccountId, webhook_id: WebhookId, ranges: Sequence[EventRange]
    ) -> None:
        """From now on they wait to be sent, before what is new. Asking again while they wait
        changes nothing. Raises NotFoundError (WEBHOOK_NOT_FOUND), PreconditionError
        (WEBHOOK_INACTIVE)."""
        ...
