"""A batch as a client asks for it, checked and with what is left to us filled in."""

from dataclasses import dataclass, replace
from datetime import timedelta

from outdial_server.domain.batch import BatchSettings, DuplicatePolicy
from outdial_server.domain.carrier_terms import NO_TERMS, CarrierTerms
from outdial_server.domain.checks import Checks, check_batch_settings, check_start_ahead
from outdial_server.domain.errors import PreconditionError, Reason
from outdial_server.domain.ids import AccountId, AgentId, BatchId
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


@dataclass(frozen=True, slots=True)
class BatchPlanner:
    ids: IdSource
    clock: Clock
    # Names of the carriers that there are; the first is the default.
    carriers: tuple[str, ...]
    # How far ahead a batch may begin; None: any time.
    ahead: timedelta | None = None
    terms: CarrierTerms = NO_TERMS

    def plan(self, spec: BatchSpec) -> NewBatch:
        """Raises InvalidFieldsError, PreconditionError (CARRIER_NOT_CONFIGURED)."""
        settings = self._checked(spec)
        return NewBatch(
            BatchId(self.ids.new_id()),
            spec.account_id,
            AgentId(spec.agent_id),
            choose_carrier(spec.carrier, self.carriers, self.terms, settings.carrier_config),
            spec.duplicates,
            settings,
            spec.draft,
            spec.zone_rule,
            path=spec.path,
            terms=self.terms,
        )

    def _checked(self, spec: BatchSpec) -> BatchSettings:
        checks = Checks(f"{spec.path}.")
        if not spec.agent_id:
            checks.fault("agent_id", "is required")
        check_batch_settings(checks, spec.settings, self.clock.now())
        check_start_ahead(checks, spec.settings, self.clock.now(), self.ahead)
        caller_id = checks.phone_number("caller_id", spec.settings.caller_id)
        numbers = checks.phone_numbers("phone_numbers", spec.settings.phone_numbers)
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
    """Empty where nothing is asked for and the carrier config decides. Raises PreconditionError
    (CARRIER_NOT_CONFIGURED)."""
    if asked and asked not in carriers:
        names = ", ".join(carriers) or "none"
        raise _not_configured(f"there is no carrier {asked!r}; there is {names}", asked)
    if config:
        return asked
    if asked in terms.need_config:
        raise _not_configured(f"calls of carrier {asked!r} need a carrier config", asked)
    default = next((name for name in carriers if name not in terms.need_config), None)
    if default is None:
        raise _not_configured(
            "the server has no carrier of its own; name a carrier config, or start the server "
            "with --simulate to try things out"
        )
    return asked or default


def _not_configured(message: str, carrier: str = "") -> PreconditionError:
    details = {"carrier": carrier} if carrier else {}
    return PreconditionError(Reason.CARRIER_NOT_CONFIGURED, message, details)
