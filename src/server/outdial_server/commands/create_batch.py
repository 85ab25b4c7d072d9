"""CreateBatch."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from outdial_server.commands.rows import check_rows
from outdial_server.domain.batch import BatchSettings, DuplicatePolicy
from outdial_server.domain.checks import Checks, RawRow, check_batch_settings
from outdial_server.domain.errors import PreconditionError, Reason
from outdial_server.domain.ids import AccountId, AgentId, BatchId
from outdial_server.domain.request import RequestKey
from outdial_server.ports.batches import BatchStore, NewBatch, StoredRows
from outdial_server.ports.clock import Clock
from outdial_server.ports.identity import IdSource
from outdial_server.ports.signals import Signals, Topic


@dataclass(frozen=True, slots=True)
class BatchSpec:
    """A batch as a client asks for it."""

    account_id: AccountId
    agent_id: str
    carrier: str
    duplicates: DuplicatePolicy
    settings: BatchSettings
    draft: bool


@dataclass(frozen=True, slots=True)
class CreateBatch:
    batches: BatchStore
    ids: IdSource
    clock: Clock
    signals: Signals
    # Names of the carriers that there are; the first is the default.
    carriers: tuple[str, ...]

    async def execute(
        self, spec: BatchSpec, raw_rows: Iterable[RawRow], request: RequestKey | None
    ) -> StoredRows:
        """Raises InvalidFieldsError, NotFoundError (AGENT_NOT_FOUND), PreconditionError
        (CARRIER_NOT_CONFIGURED, BATCH_EMPTY), AlreadyExistsError (REQUEST_ID_REUSED)."""
        settings = self._checked(spec)
        rows = await check_rows(raw_rows)
        if not rows and not spec.draft:
            raise PreconditionError(
                Reason.BATCH_EMPTY, "a batch without scheduled calls must be a draft"
            )
        new = NewBatch(
            BatchId(self.ids.new_id()),
            spec.account_id,
            AgentId(spec.agent_id),
            choose_carrier(spec.carrier, self.carriers),
            spec.duplicates,
            settings,
            spec.draft,
        )
        stored = await self.batches.create_batch(new, rows, request)
        self.signals.wake(Topic.CLAIM, Topic.WINDOW)
        return stored

    def _checked(self, spec: BatchSpec) -> BatchSettings:
        checks = Checks("batch.")
        if not spec.agent_id:
            checks.fault("agent_id", "is required")
        check_batch_settings(checks, spec.settings, self.clock.now())
        caller_id = checks.phone_number("caller_id", spec.settings.caller_id)
        checks.raise_if_any()
        return replace(spec.settings, caller_id=caller_id)


def choose_carrier(asked: str, carriers: tuple[str, ...]) -> str:
    if not carriers:
        raise PreconditionError(
            Reason.CARRIER_NOT_CONFIGURED,
            "the server has no carrier; start it with --simulate to try things out",
        )
    if asked and asked not in carriers:
        names = ", ".join(carriers)
        raise PreconditionError(
            Reason.CARRIER_NOT_CONFIGURED,
            f"there is no carrier {asked!r}; there is {names}",
            {"carrier": asked},
        )
    return asked or carriers[0]
