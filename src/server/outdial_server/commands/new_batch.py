"""A batch as a client asks for it, checked and with what is left to us filled in."""

from dataclasses import dataclass, replace
from datetime import timedelta

from outdial_server.commands.batch_webhooks import BatchWebhooks
from outdial_server.domain.batch_checks import check_batch_settings, check_start_ahead
from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.batch_webhook import NO_EDIT, WebhookEdit
from outdial_server.domain.carrier_terms import NO_TERMS, CarrierTerms
from outdial_server.domain.checks import Checks
from outdial_server.domain.errors import PreconditionError, Reason
from outdial_server.domain.ids import AccountId, AgentId, BatchId
from outdial_server.domain.medium import WEBHOOK_CARRIER, Medium
from outdial_server.domain.time_zones import ZoneRule
from outdial_server.ports.clock import Clock
from outdial_server.ports.identity import IdSource
from outdial_server.ports.intake import NewBatch


@dataclass(frozen=True, slots=True)
class BatchSpec:
    """A batch as a client asks for it. `path` is where it is in the request, for the names of
    faults."""

    account_id: AccountId
    agent_id: str
    carrier: str
    duplicates: DuplicatePolicy
    settings: BatchSettings
    draft: bool
    path: str = "batch"
    zone_rule: ZoneRule = ZoneRule.BATCH_ZONE
    medium: Medium = Medium.OUTGOING
    webhook: WebhookEdit = NO_EDIT


@dataclass(frozen=True, slots=True)
class BatchPlanner:
    ids: IdSource
    clock: Clock
    # Names of the carriers that there are; the first is the default.
    carriers: tuple[str, ...]
    webhooks: BatchWebhooks
    # How far ahead a batch may begin; None: any time.
    ahead: timedelta | None = None
    terms: CarrierTerms = NO_TERMS

    def plan(self, spec: BatchSpec) -> NewBatch:
        """Raises InvalidFieldsError, PreconditionError (CARRIER_NOT_CONFIGURED)."""
        settings = self._checked(spec)
        batch_id = BatchId(self.ids.new_id())
        webhook = self.webhooks.edited(batch_id, None, spec.webhook, self.clock.now())
        return NewBatch(
            batch_id,
            spec.account_id,
            AgentId(spec.agent_id),
            self._carrier(spec),
            spec.duplicates,
            replace(settings, webhook=webhook),
            spec.draft,
            spec.zone_rule,
            path=spec.path,
            terms=self.terms,
            medium=spec.medium,
        )

    def _carrier(self, spec: BatchSpec) -> str:
        """None of ours is needed where nobody is dialled, unless some of the people are to be."""
        config = spec.settings.carrier_config
        if spec.medium is Medium.WEBHOOK and not spec.carrier and not config:
            return WEBHOOK_CARRIER
        return choose_carrier(spec.carrier, self.carriers, self.terms, config)

    def _checked(self, spec: BatchSpec) -> BatchSettings:
        checks = Checks(f"{spec.path}.")
        if not spec.agent_id:
            checks.fault("agent_id", "is required")
        check_batch_settings(checks, spec.settings, self.clock.now())
        check_start_ahead(checks, spec.settings, self.clock.now(), self.ahead)
        caller_id = checks.phone_number("caller_id", spec.settings.caller_id)
        numbers = checks.phone_numbers("phone_numbers", spec.settings.phone_numbers)
        self.webhooks.check(checks, spec.webhook, None, spec.medium)
        checks.raise_if_any()
        return replace(spec.settings, caller_id=caller_id, phone_numbers=numbers)


def refusal_of_an_empty_batch(*, draft: bool) -> PreconditionError | None:
    """A draft may wait for its rows."""
    if draft:
        return None
    return PreconditionError(Reason.BATCH_EMPTY, "a batch without scheduled calls must be a draft")


def choose_carrier(
    asked: str, carriers: tuple[str, ...], terms: CarrierTerms = NO_TERMS, config: str = ""
) -> str:
    """Empty where nothing is asked for and a carrier config decides: that of the batch, or of
    its numbers. Raises PreconditionError (CARRIER_NOT_CONFIGURED)."""
    if asked and asked not in carriers:
        names = ", ".join(carriers) or "none"
        raise PreconditionError(
            Reason.CARRIER_NOT_CONFIGURED,
            f"there is no carrier {asked!r}; there is {names}",
            {"carrier": asked},
        )
    if asked or config:
        return asked
    return next((name for name in carriers if name not in terms.need_config), "")
