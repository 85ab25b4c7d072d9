"""UpdateBatch."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from outdial_server.commands.batch_webhooks import BatchWebhooks
from outdial_server.domain.batch import Batch
from outdial_server.domain.batch_checks import check_batch_settings, check_start_ahead
from outdial_server.domain.batch_rules import BatchChange, edit
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.batch_webhook import NO_EDIT, WebhookEdit
from outdial_server.domain.carrier_terms import NO_TERMS, CarrierTerms
from outdial_server.domain.checks import Checks
from outdial_server.domain.etag import check_etag
from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.ports.batches import BatchStore
from outdial_server.ports.signals import Signals, Topic


@dataclass(frozen=True, slots=True)
class UpdateBatch:
    batches: BatchStore
    signals: Signals
    webhooks: BatchWebhooks
    # How far ahead a batch may begin; None: any time.
    ahead: timedelta | None = None
    terms: CarrierTerms = NO_TERMS

    async def execute(
        self,
        account_id: AccountId,
        batch_id: BatchId,
        change: Callable[[BatchSettings], BatchSettings],
        etag: str = "",
        *,
        webhook: WebhookEdit = NO_EDIT,
        validate_only: bool = False,
    ) -> Batch:
        """`change` writes what the client's mask names over the present settings. With
        `validate_only` nothing is changed. Raises InvalidFieldsError (also WINDOW_TOO_SHORT),
        NotFoundError (BATCH_NOT_FOUND), PreconditionError (BATCH_STATE,
        CARRIER_NOT_CONFIGURED, NO_USABLE_NUMBER), ConflictError
        (ETAG_MISMATCH)."""

        def decide(batch: Batch, now: datetime) -> BatchChange | None:
            check_etag(etag, batch.revision)
            after = self._checked(batch, change(batch.settings), webhook, now)
            edited = edit(batch, after, now)
            return None if edited is None else replace(edited, terms=self.terms)

        if validate_only:
            return await self.batches.rehearse_change(account_id, batch_id, decide)
        batch = await self.batches.change_batch(account_id, batch_id, decide)
        self.signals.wake(Topic.CLAIM, Topic.WINDOW, Topic.SETTLE)
        return batch

    def _checked(
        self, batch: Batch, after: BatchSettings, webhook: WebhookEdit, now: datetime
    ) -> BatchSettings:
        checks, before = Checks("batch."), batch.settings
        end_is_new = after.window_end != before.window_end
        check_batch_settings(checks, after, now, end_is_new=end_is_new)
        if after.window_start != before.window_start:
            check_start_ahead(checks, after, now, self.ahead)
        caller_id = checks.phone_number("caller_id", after.caller_id)
        numbers = checks.phone_numbers("phone_numbers", after.phone_numbers)
        self.webhooks.check(checks, webhook, before.webhook, batch.medium)
        checks.raise_if_any()
        edited = self.webhooks.edited(batch.batch_id, before.webhook, webhook, now)
        return replace(after, caller_id=caller_id, phone_numbers=numbers, webhook=edited)
