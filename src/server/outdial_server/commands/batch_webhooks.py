"""The webhook of a batch as a client writes it: checked, and its secret sealed."""

from dataclasses import dataclass
from datetime import datetime

from outdial_server.domain.batch_webhook import BatchWebhook, WebhookEdit, edited
from outdial_server.domain.batch_webhook_checks import check_batch_webhook
from outdial_server.domain.checks import Checks
from outdial_server.domain.ids import BatchId
from outdial_server.domain.internet import AddressGuard
from outdial_server.domain.medium import Medium
from outdial_server.ports.sealing import Seal


@dataclass(frozen=True, slots=True)
class BatchWebhooks:
    seal: Seal
    guard: AddressGuard

    def check(
        self, checks: Checks, edit: WebhookEdit, present: BatchWebhook | None, medium: Medium
    ) -> None:
        check_batch_webhook(checks, edit, present, medium, self.guard)

    def edited(
        self, batch_id: BatchId, present: BatchWebhook | None, edit: WebhookEdit, now: datetime
    ) -> BatchWebhook | None:
        """For an edit that was checked."""
        sealed = self.seal.seal(edit.secret, batch_id) if edit.secret else None
        return edited(present, edit, sealed, now)
