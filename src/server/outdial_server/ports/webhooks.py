"""Webhooks: as resources, and as what is to be sent."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from outdial_server.domain.event import Event
from outdial_server.domain.ids import AccountId, AgentId, BatchId, CallId, WebhookId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey
from outdial_server.domain.told_call import Told, ToldCall
from outdial_server.domain.webhook import Webhook, WebhookFields
from outdial_server.domain.webhook_delivery import Try
from outdial_server.domain.webhook_message import Probe, WebhookMessage
from outdial_server.domain.webhook_secrets import SealedSecrets
from outdial_server.domain.webhook_tries import TryResult


class WebhookStore(Protocol):
    async def create_webhook(
        self,
        account_id: AccountId,
        webhook_id: WebhookId,
        fields: WebhookFields,
        sealed_secret: str,
        request: RequestKey | None = None,
    ) -> Webhook:
        """Raises ExhaustedError (TOO_MANY_WEBHOOKS), AlreadyExistsError (REQUEST_ID_REUSED),
        NotFoundError (AGENT_NOT_FOUND, BATCH_NOT_FOUND)."""
        ...

    async def get_webhook(self, account_id: AccountId, webhook_id: WebhookId) -> Webhook:
        """Raises NotFoundError (WEBHOOK_NOT_FOUND)."""
        ...

    async def list_webhooks(
        self, account_id: AccountId, page: PageRequest, agent_id: AgentId | None = None
    ) -> Page[Webhook]:
        """Oldest first; with an agent those that are of it alone. Raises NotFoundError
        (AGENT_NOT_FOUND)."""
        ...

    async def change_webhook(
        self,
        account_id: AccountId,
        webhook_id: WebhookId,
        decide: Callable[[Webhook], WebhookFields],
    ) -> Webhook:
        """Reads, decides and writes in one transaction. Raises NotFoundError
        (WEBHOOK_NOT_FOUND)."""
        ...

    async def rotate_secret(
        self,
        account_id: AccountId,
        webhook_id: WebhookId,
        rotate: Callable[[Webhook, datetime], SealedSecrets],
    ) -> Webhook:
        """`rotate` is given the moment of the transaction. Raises NotFoundError
        (WEBHOOK_NOT_FOUND)."""
        ...

    async def delete_webhook(self, account_id: AccountId, webhook_id: WebhookId) -> None:
        """With what was still to be sent. Raises NotFoundError (WEBHOOK_NOT_FOUND)."""
        ...


@dataclass(frozen=True, slots=True)
class Resend:
    """What is to be sent again, as the store has it: the events behind `sequence`, up to
    `to_sequence`."""

    sequence: int
    to_sequence: int


@dataclass(frozen=True, slots=True)
class Due:
    """The events of one batch behind `sequence` are to be sent to one endpoint."""

    webhook: Webhook
    batch_id: BatchId
    is_direct: bool
    sequence: int
    # Tries of the next message that have failed.
    failures: int
    # Until then nobody else sends them; names this turn.
    leased_until: datetime
    events: Sequence[Event]
    # None when they are new. What is to be sent again goes first.
    resend: Resend | None = None


@dataclass(frozen=True, slots=True)
class DuePlan:
    """What may be taken: `busy` are the endpoints' turns that are under way here."""

    lease: timedelta
    # Turns of one endpoint at a time.
    per_webhook: int
    # Events of one turn.
    per_turn: int


@dataclass(frozen=True, slots=True)
class TakenTurns:
    turns: Sequence[Due]
    # Whether any account has an endpoint at all.
    any_webhooks: bool
    # When the next turn is due that waits for its time.
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """How a turn went: all events up to `sequence` are done with."""

    due: Due
    sequence: int
    # Each request, in order; of all but the last the endpoint has taken what it sent.
    tries: Sequence[Try] = ()
    # Of the message behind `sequence`.
    failures: int = 0
    # When to go on; None: at once.
    next_at: datetime | None = None
    # The endpoint gets nothing more.
    deactivates: bool = False

    @property
    def result(self) -> TryResult | None:
        """How the last request went; None when there was none to send."""
        return self.tries[-1].result if self.tries else None


class DeliveryStore(Protocol):
    async def take_turns(self, plan: DuePlan) -> TakenTurns:
        """Leases what is due. Nobody takes it before the lease has run out."""
        ...

    async def read_told(self, batch_id: BatchId, call_ids: Collection[CallId]) -> Told:
        """What events of the batch are about, for the formats of others."""
        ...

    async def end_turn(self, end: TurnEnd) -> None:
        """Notes each try in the log. Does nothing for a turn whose lease somebody else has
        taken over. An endpoint that takes a message after failures has all that waits for a
        retry tried at once."""
        ...


class WebhookSender(Protocol):
    async def send(self, webhook: Webhook, message: WebhookMessage | Probe) -> TryResult:
        """One request, by a deadline. Raises nothing."""
        ...


class ToldCallReader(Protocol):
    async def told_call(self, call_id: CallId) -> ToldCall | None:
        """As it is now; None when it was erased. Raises UnavailableError."""
        ...
