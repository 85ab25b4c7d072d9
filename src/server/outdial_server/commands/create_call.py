"""CreateCall: one call outside any batch, at once."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from outdial_server.commands.contexts import context_check
from outdial_server.commands.new_batch import choose_carrier
from outdial_server.domain import limits
from outdial_server.domain.batch_policies import ConfigErrorPolicy, DuplicatePolicy
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.call import Call
from outdial_server.domain.carrier_terms import NO_TERMS, CarrierTerms
from outdial_server.domain.checks import Checks
from outdial_server.domain.direct_call import DIRECT_PRIORITY
from outdial_server.domain.errors import FieldViolation, InvalidFieldsError
from outdial_server.domain.ids import AccountId, AgentId, BatchId, CallId
from outdial_server.domain.intake import CheckedRows
from outdial_server.domain.request import RequestKey
from outdial_server.domain.row_checks import RawRow, check_row
from outdial_server.domain.scheduled_call import NewScheduledCall
from outdial_server.ports.accounts import AgentStore
from outdial_server.ports.clock import Clock
from outdial_server.ports.direct_calls import DirectCallStore, NewDirectCall
from outdial_server.ports.dispatch import DialQueue
from outdial_server.ports.identity import IdSource
from outdial_server.ports.intake import NewBatch
from outdial_server.ports.schemas import SchemaCompiler
from outdial_server.ports.signals import Signals, Topic


@dataclass(frozen=True, slots=True)
class CallSpec:
    """A call as a client asks for it."""

    account_id: AccountId
    agent_id: str
    carrier: str
    # Its id or name; empty for none.
    carrier_config: str
    # Its ring timeout is None for the default.
    row: RawRow
    max_call_duration: timedelta
    wait_until: datetime | None
    # As `carrier_config`.
    throttle: str = ""


@dataclass(frozen=True, slots=True)
class CreateCall:
    direct: DirectCallStore
    agents: AgentStore
    schemas: SchemaCompiler
    ids: IdSource
    clock: Clock
    # Names of the carriers that there are; the first is the default.
    carriers: tuple[str, ...]
    queue: DialQueue
    signals: Signals
    terms: CarrierTerms = NO_TERMS

    async def execute(self, spec: CallSpec, request: RequestKey | None) -> Call:
        """Raises InvalidFieldsError, NotFoundError (AGENT_NOT_FOUND,
        CARRIER_CONFIG_NOT_FOUND, THROTTLE_NOT_FOUND), PreconditionError (AGENT_INACTIVE,
        ADDRESS_SUPPRESSED, CARRIER_NOT_CONFIGURED, CARRIER_MISMATCH, AGENT_HAS_NO_JOIN_URL,
        JOIN_URL_UNFIT),
        ExhaustedError (NO_FREE_SLOT, CALL_HELD_BACK, TOO_MANY_CALLS_WAIT), AlreadyExistsError
        (REQUEST_ID_REUSED)."""
        if request is not None:
            # What was in order then may be out of date now, `wait_until` first of all.
            earlier = await self.direct.earlier_call(spec.account_id, request)
            if earlier is not None:
                return earlier
        row = self._checked(spec)
        await self._check_context(spec, row)
        made = await self.direct.create_direct_call(
            self._new(spec, row), request, may_claim=self.queue.may_dial
        )
        if made.claimed is not None:
            self.queue.dial_next(made.claimed)
        else:
            self.signals.wake(Topic.CLAIM, Topic.WINDOW)
        return made.call

    def _checked(self, spec: CallSpec) -> NewScheduledCall:
        checks = Checks()
        if not spec.agent_id:
            checks.fault("agent_id", "is required")
        checks.duration(
            "max_call_duration",
            spec.max_call_duration,
            limits.CALL_DURATION_MIN,
            limits.CALL_DURATION_MAX,
        )
        self._check_wait(checks, spec.wait_until)
        row = check_row(spec.row, frozenset(), checks.violations)
        if row is None or checks.violations:
            raise InvalidFieldsError(checks.violations)
        return row

    def _check_wait(self, checks: Checks, until: datetime | None) -> None:
        now = self.clock.now()
        if until is not None and not now < until <= now + limits.DIRECT_CALL_WAIT_MAX:
            hours = limits.DIRECT_CALL_WAIT_MAX // timedelta(hours=1)
            checks.fault("wait_until", f"must be in the future, and at most {hours} h ahead")

    async def _check_context(self, spec: CallSpec, row: NewScheduledCall) -> None:
        agent = await self.agents.get_agent(spec.account_id, AgentId(spec.agent_id))
        contexts = context_check(agent.fields, self.schemas)
        if contexts is None:
            return
        checked = await contexts.check(CheckedRows(1, [(0, row)], []))
        if checked.faults:
            raise InvalidFieldsError(
                [FieldViolation(fault.field, fault.description) for fault in checked.faults]
            )

    def _new(self, spec: CallSpec, row: NewScheduledCall) -> NewDirectCall:
        settings = BatchSettings(
            display_name="",
            caller_id=row.caller_id,
            carrier_config=spec.carrier_config,
            throttle=spec.throttle,
            priority=DIRECT_PRIORITY,
            ring_timeout=row.ring_timeout or limits.RING_TIMEOUT_DEFAULT,
            max_call_duration=spec.max_call_duration,
            # There is nothing to pause: the call fails, and its answer says why.
            on_config_error=ConfigErrorPolicy.FAIL,
        )
        batch = NewBatch(
            BatchId(self.ids.new_id()),
            spec.account_id,
            AgentId(spec.agent_id),
            choose_carrier(spec.carrier, self.carriers, self.terms, spec.carrier_config),
            DuplicatePolicy.KEEP,
            settings,
            draft=False,
            is_direct=True,
            terms=self.terms,
        )
        return NewDirectCall(CallId(self.ids.new_id()), batch, row, spec.wait_until)
