"""The webhook of a batch: what is asked to see to a call that we do not dial."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from outdial_server.domain.webhook_secrets import SealedSecrets


@dataclass(frozen=True, slots=True)
class BatchWebhook:
    url: str
    secrets: SealedSecrets


@dataclass(frozen=True, slots=True)
class WebhookEdit:
    """What a client writes of one; None: it says nothing of that. An empty URL takes the
    webhook away, and an empty secret leaves the one that there is."""

    url: str | None = None
    secret: str | None = field(default=None, repr=False)


NO_EDIT: Final = WebhookEdit()


def edited(
    present: BatchWebhook | None, edit: WebhookEdit, sealed_secret: str | None, now: datetime
) -> BatchWebhook | None:
    """An edit that was checked. A new secret signs beside the one before, for a day."""
    if edit.url == "":
        return None
    if present is None:
        if edit.url is None or sealed_secret is None:
            return None
        return BatchWebhook(edit.url, SealedSecrets(sealed_secret))
    changed = present if edit.url is None else replace(present, url=edit.url)
    if sealed_secret is None:
        return changed
    return replace(changed, secrets=present.secrets.rotated(sealed_secret, now))
