"""CreateWebhook, UpdateWebhook and RotateWebhookSecret."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from outdial_server.domain.checks import Checks
from outdial_server.domain.etag import check_etag
from outdial_server.domain.ids import AccountId, WebhookId
from outdial_server.domain.internet import AddressGuard
from outdial_server.domain.request import RequestKey
from outdial_server.domain.webhook import Webhook, WebhookFields, check_webhook
from outdial_server.domain.webhook_format import WebhookFormat
from outdial_server.domain.webhook_secrets import SealedSecrets
from outdial_server.domain.webhook_signature import SECRET_CHARS, check_secret, secret_of
from outdial_server.ports.identity import IdSource
from outdial_server.ports.sealing import Seal
from outdial_server.ports.signals import Signals, Topic
from outdial_server.ports.webhooks import WebhookStore


@dataclass(frozen=True, slots=True)
class ShownWebhook:
    """With the secret that its requests are signed with."""

    webhook: Webhook
    secret: str


@dataclass(frozen=True, slots=True)
class CreateWebhook:
    webhooks: WebhookStore
    ids: IdSource
    seal: Seal
    guard: AddressGuard
    signals: Signals

    async def execute(
        self,
        account_id: AccountId,
        fields: WebhookFields,
        request: RequestKey | None,
        secret: str = "",
    ) -> ShownWebhook:
        """Makes a secret where none is brought along. Raises InvalidFieldsError, NotFoundError
        (AGENT_NOT_FOUND, BATCH_NOT_FOUND), ExhaustedError (TOO_MANY_WEBHOOKS),
        AlreadyExistsError (REQUEST_ID_REUSED)."""
        checks = Checks("webhook.")
        check_webhook(checks, fields, self.guard)
        checks.raise_if_any()
        webhook_id = WebhookId(self.ids.new_id())
        sealed = self.seal.seal(_secret(self.ids, fields.format, secret), webhook_id)
        made = await self.webhooks.create_webhook(account_id, webhook_id, fields, sealed, request)
        self.signals.wake(Topic.DELIVER)
        # Of the one that a repetition of the request is answered with.
        return ShownWebhook(made, self.seal.unseal(made.secrets.current, made.webhook_id))


@dataclass(frozen=True, slots=True)
class UpdateWebhook:
    webhooks: WebhookStore
    guard: AddressGuard
    signals: Signals

    async def execute(
        self,
        account_id: AccountId,
        webhook_id: WebhookId,
        change: Callable[[WebhookFields], WebhookFields],
        etag: str = "",
    ) -> Webhook:
        """`change` writes what the client's mask names over the present fields. Raises
        InvalidFieldsError, NotFoundError (WEBHOOK_NOT_FOUND), ConflictError (ETAG_MISMATCH)."""

        def decide(webhook: Webhook) -> WebhookFields:
            check_etag(etag, webhook.revision)
            fields = change(webhook.fields)
            checks = Checks("webhook.")
            check_webhook(checks, fields, self.guard)
            checks.raise_if_any()
            return fields

        changed = await self.webhooks.change_webhook(account_id, webhook_id, decide)
        self.signals.wake(Topic.DELIVER)
        return changed


@dataclass(frozen=True, slots=True)
class RotateWebhookSecret:
    webhooks: WebhookStore
    ids: IdSource
    seal: Seal

    async def execute(
        self, account_id: AccountId, webhook_id: WebhookId, secret: str = ""
    ) -> ShownWebhook:
        """Makes a secret where none is brought along. Raises InvalidFieldsError, NotFoundError
        (WEBHOOK_NOT_FOUND)."""

        def rotate(webhook: Webhook, now: datetime) -> SealedSecrets:
            newest = _secret(self.ids, webhook.fields.format, secret)
            # By the webhook's own id: the client may have spelt it in another way.
            return webhook.secrets.rotated(self.seal.seal(newest, webhook.webhook_id), now)

        rotated = await self.webhooks.rotate_secret(account_id, webhook_id, rotate)
        return ShownWebhook(rotated, self.seal.unseal(rotated.secrets.current, rotated.webhook_id))


def _secret(ids: IdSource, form: WebhookFormat, given: str) -> str:
    """Raises InvalidFieldsError for a given one that is no good."""
    if not given:
        return secret_of(ids.new_secret(SECRET_CHARS))
    checks = Checks()
    check_secret(checks, form, given)
    checks.raise_if_any()
    return given
