"""Webhooks: endpoints of a client that events are posted to."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

from outdial_server.domain import limits
from outdial_server.domain.batch import ENDED_STATES, BatchState
from outdial_server.domain.checks import Checks
from outdial_server.domain.errors import ExhaustedError, Reason
from outdial_server.domain.event import EventType
from outdial_server.domain.ids import AccountId, AgentId, BatchId, WebhookId
from outdial_server.domain.internet import AddressGuard
from outdial_server.domain.webhook_format import WebhookFormat
from outdial_server.domain.webhook_secrets import SealedSecrets

FAILING_FROM: Final = 5
"""Requests in a row that were not taken."""


class WebhookHealth(Enum):
    HEALTHY = "healthy"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class WebhookFields:
    """What a client may write of a webhook."""

    url: str
    description: str = ""
    # Empty: all.
    event_types: tuple[EventType, ...] = ()
    active: bool = True
    # These three stay as they were made. None: of all agents, of all batches.
    agent_id: AgentId | None = None
    batch_id: BatchId | None = None
    format: WebhookFormat = WebhookFormat.OUTDIAL
    # Of batches that end; empty: all.
    batch_end_states: tuple[BatchState, ...] = ()


@dataclass(frozen=True, slots=True)
class Failures:
    """Requests in a row that were not taken."""

    count: int = 0
    last_error: str = ""
    since: datetime | None = None

    @property
    def health(self) -> WebhookHealth:
        return WebhookHealth.FAILING if self.count >= FAILING_FROM else WebhookHealth.HEALTHY


@dataclass(frozen=True, slots=True)
class Webhook:
    webhook_id: WebhookId
    account_id: AccountId
    fields: WebhookFields
    secrets: SealedSecrets
    failures: Failures
    revision: int
    created_at: datetime
    updated_at: datetime


def check_webhook(checks: Checks, fields: WebhookFields, guard: AddressGuard) -> None:
    check_endpoint(checks, "url", fields.url, guard)
    checks.text("description", fields.description, limits.WEBHOOK_DESCRIPTION_MAX_CHARS)
    if len(set(fields.event_types)) < len(fields.event_types):
        checks.fault("event_types", "must not name one twice")
    if len(set(fields.batch_end_states)) < len(fields.batch_end_states):
        checks.fault("batch_end_states", "must not name one twice")
    if not ENDED_STATES.issuperset(fields.batch_end_states):
        checks.fault("batch_end_states", "must be COMPLETED, CANCELLED or FAILED")


def check_endpoint(checks: Checks, name: str, url: str, guard: AddressGuard) -> None:
    """The form of a URL; where it leads is judged at each connection."""
    before = len(checks.violations)
    checks.text(name, url, limits.WEBHOOK_URL_MAX_CHARS, least=1)
    if len(checks.violations) > before:
        return
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:
        checks.fault(name, "must be an https URL with a host")
        return
    if parts.scheme not in ("http", "https") or not parts.hostname or not has_port:
        checks.fault(name, "must be an https URL with a host")
    elif any(char.isspace() or not char.isprintable() for char in url):
        checks.fault(name, "must not have spaces or control characters")
    elif parts.username is not None or parts.fragment:
        checks.fault(name, "must not have a user or fragment")
    elif parts.scheme != "https" and not guard.allows_plainly(parts.hostname):
        checks.fault(name, "must be https")


def refuse_too_many(there_are: int) -> None:
    """For one more. Raises ExhaustedError (TOO_MANY_WEBHOOKS)."""
    if there_are >= limits.WEBHOOKS_MAX:
        raise ExhaustedError(
            Reason.TOO_MANY_WEBHOOKS,
            f"the account has {there_are} webhooks, and no more are possible",
            {"limit": str(limits.WEBHOOKS_MAX)},
        )
