"""WebhookStore, DeliveryStore, DeliveryLog and RedeliveryStore over a database."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from outdial_server.domain.ids import AccountId, AgentId, BatchId, CallId, WebhookId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey
from outdial_server.domain.told_call import Told
from outdial_server.domain.webhook import Webhook, WebhookFields
from outdial_server.domain.webhook_delivery import Delivery, DeliveryFilter
from outdial_server.domain.webhook_message import EventRange
from outdial_server.domain.webhook_secrets import SealedSecrets
from outdial_server.ports.webhook_log import PastEvents
from outdial_server.ports.webhooks import DuePlan, TakenTurns, TurnEnd
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import (
    told_calls,
    webhook_delivery,
    webhook_log,
    webhook_resends,
    webhooks,
)


class SqlWebhooks:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def create_webhook(
        self,
        account_id: AccountId,
        webhook_id: WebhookId,
        fields: WebhookFields,
        sealed_secret: str,
        request: RequestKey | None = None,
    ) -> Webhook:
        return await self._db.write(
            lambda tx: webhooks.create_webhook(
                tx, account_id, webhook_id, fields, sealed_secret, request
            )
        )

    async def get_webhook(self, account_id: AccountId, webhook_id: WebhookId) -> Webhook:
        return await self._db.read(lambda tx: webhooks.get_webhook(tx, account_id, webhook_id))

    async def list_webhooks(
        self, account_id: AccountId, page: PageRequest, agent_id: AgentId | None = None
    ) -> Page[Webhook]:
        return await self._db.read(
            lambda tx: webhooks.list_webhooks(tx, account_id, page, agent_id)
        )

    async def change_webhook(
        self,
        account_id: AccountId,
        webhook_id: WebhookId,
        decide: Callable[[Webhook], WebhookFields],
    ) -> Webhook:
        return await self._db.write(
            lambda tx: webhooks.change_webhook(tx, account_id, webhook_id, decide)
        )

    async def rotate_secret(
        self,
        account_id: AccountId,
        webhook_id: WebhookId,
        rotate: Callable[[Webhook, datetime], SealedSecrets],
    ) -> Webhook:
        return await self._db.write(
            lambda tx: webhooks.rotate_secret(tx, account_id, webhook_id, rotate)
        )

    async def delete_webhook(self, account_id: AccountId, webhook_id: WebhookId) -> None:
        await self._db.write(lambda tx: webhooks.delete_webhook(tx, account_id, webhook_id))

    async def take_turns(self, plan: DuePlan) -> TakenTurns:
        """Looks beside the writer, and takes its turn only for what there is."""
        found = await self._db.read(lambda tx: webhook_delivery.any_due(tx, plan))
        if isinstance(found, TakenTurns):
            return found
        return await self._db.write(lambda tx: webhook_delivery.lease(tx, plan, found))

    async def read_told(self, batch_id: BatchId, call_ids: Collection[CallId]) -> Told:
        return await self._db.read(lambda tx: told_calls.read_told(tx, batch_id, call_ids))

    async def end_turn(self, end: TurnEnd) -> None:
        await self._db.write(lambda tx: webhook_delivery.end_turn(tx, end))

    async def list_deliveries(
        self,
        account_id: AccountId,
        webhook_id: WebhookId,
        wanted: DeliveryFilter,
        page: PageRequest,
    ) -> Page[Delivery]:
        return await self._db.read(
            lambda tx: webhook_log.list_deliveries(tx, account_id, webhook_id, wanted, page)
        )

    async def named_events(
        self,
        account_id: AccountId,
        webhook_id: WebhookId,
        named: Sequence[tuple[BatchId, int]],
    ) -> Sequence[EventRange]:
        return await self._db.read(
            lambda tx: webhook_resends.named_events(tx, account_id, webhook_id, named)
        )

    async def past_events(
        self, account_id: AccountId, webhook_id: WebhookId, past: PastEvents, batches_most: int
    ) -> Sequence[EventRange]:
        return await self._db.read(
            lambda tx: webhook_resends.past_events(tx, account_id, webhook_id, past, batches_most)
        )

    async def resend(
        self, account_id: AccountId, webhook_id: WebhookId, ranges: Sequence[EventRange]
    ) -> None:
        await self._db.write(lambda tx: webhook_resends.resend(tx, account_id, webhook_id, ranges))
