"""Whether the webhook of a batch may be as a client wants it."""

from outdial_server.domain import limits
from outdial_server.domain.batch_webhook import BatchWebhook, WebhookEdit
from outdial_server.domain.checks import Checks
from outdial_server.domain.internet import AddressGuard
from outdial_server.domain.medium import Medium
from outdial_server.domain.webhook import check_endpoint


def check_batch_webhook(
    checks: Checks,
    edit: WebhookEdit,
    present: BatchWebhook | None,
    medium: Medium,
    guard: AddressGuard,
) -> None:
    """`medium` is that of the batch."""
    if edit.url:
        check_endpoint(checks, "webhook_url", edit.url, guard)
    checks.text("webhook_secret", edit.secret or "", limits.BATCH_SECRET_MAX_CHARS)
    has_url = bool(edit.url) if edit.url is not None else present is not None
    if edit.url and not edit.secret and present is None:
        checks.fault("webhook_secret", "is required with a webhook_url")
    if edit.secret and not has_url:
        checks.fault("webhook_url", "is required with a webhook_secret")
    elif medium is Medium.WEBHOOK and not has_url:
        checks.fault("webhook_url", "is required for the medium WEBHOOK")
