"""The store as the engine sees it. Every method is one transaction.

A method that takes `take` calls it once, when the writer is free: the group is then
everything that has gathered. That, and nothing else, makes groups large under load.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from outdial_server.domain.batch_policies import UnknownPolicy
from outdial_server.domain.batch_webhook import BatchWebhook
from outdial_server.domain.call import Call, CallState, CallTexts, CallTimes
from outdial_server.domain.call_event import CallEvent
from outdial_server.domain.carrier_config import ConfigRef
from outdial_server.domain.carrier_params import NO_PARAMS, Params
from outdial_server.domain.ids import AccountId, BatchId, CallId
from outdial_server.domain.report import CallReport
from outdial_server.ports.carrier import RawCallback


class ClaimedCall(NamedTuple):
    """A call that this worker holds until its lease runs out, with all that the carrier
    must be told. `fence` goes into every later change made under this claim. A tuple: the
    writer makes one of each call, and a frozen dataclass of so many fields takes it 5 us."""

    call_id: CallId
    fence: int
    account_id: AccountId
    # None for a direct call.
    batch_id: BatchId | None
    carrier: str
    address: str
    caller_id: str
    times: CallTimes
    template_context_json: str
    metadata_json: str
    # For telemetry: since when it could have been claimed, and when it was, by the store.
    ready_at: datetime
    claimed_at: datetime
    # What was decided holds for this revision of the batch's settings, and before the moment
    # at which calling hours close.
    batch_revision: int = 1
    dial_before: datetime | None = None
    # Whether the batch lets only so many calls go in a day: counted at SENDING.
    has_daily_cap: bool = False
    # None for an agent without texts.
    texts: CallTexts | None = None
    carrier_config: ConfigRef | None = None
    # The one that the person is called by, where the account has rules for numbers: they are
    # asked again at SENDING.
    time_zone: str | None = None
    # Whether it shows a number for no other reason than that its agent has it: asked again at
    # SENDING.
    shows_agent_number: bool = False
    carrier_params: Params = NO_PARAMS
    # Set for a call that nobody of ours dials, unless the batch has lost it.
    webhook: BatchWebhook | None = None


@dataclass(frozen=True, slots=True)
class Claims:
    calls: tuple[ClaimedCall, ...]
    # More might be claimed at once: the group was cut at its limit.
    more: bool
    # The earliest moment at which a row that waits now becomes due.
    next_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sent:
    """Calls that are SENDING now and whose requests must be let go. The others of the
    group were given back to their batch: it, or they, may not be dialled any more, or a
    throttle had no room."""

    calls: tuple[ClaimedCall, ...]
    given_back: int
    # A throttle counted some: a claim can tell now when there is room for the next.
    throttled: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """What a group of reports did."""

    changed: int
    ignored: int
    # Slots came free or rows wait again: the claimer has work.
    freed: bool
    # A call became UNKNOWN: the reconciler has work.
    unknown: bool
    # A batch has rows to settle.
    settling: bool
    # Of the callbacks that were stored, in the order in which they were given.
    stored_keys: tuple[int, ...] = ()

    @classmethod
    def nothing(cls) -> "Applied":
        return cls(0, 0, freed=False, unknown=False, settling=False)

    def __or__(self, other: "Applied") -> "Applied":
        return Applied(
            self.changed + other.changed,
            self.ignored + other.ignored,
            self.freed or other.freed,
            self.unknown or other.unknown,
            self.settling or other.settling,
            self.stored_keys + other.stored_keys,
        )


@dataclass(frozen=True, slots=True)
class Reaped:
    """Leases that had run out: `given_back` claims that were never sent, and calls in
    SENDING of which nobody knows now (`unknown`)."""

    given_back: int
    unknown: int
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class SilentCall:
    """A call whose carrier has been silent for longer than promised, or an unknown one."""

    call_id: CallId
    carrier: str
    carrier_call_id: str
    address: str
    state: CallState
    unknown_policy: UnknownPolicy
    times: CallTimes
    sent_at: datetime
    lookups: int
    caller_id: str = ""
    carrier_config: ConfigRef | None = None


@dataclass(frozen=True, slots=True)
class SilentCalls:
    calls: tuple[SilentCall, ...]
    # When the next call will have been silent for too long.
    next_at: datetime | None
    # The store's own time of the read: what `sent_at` is to be compared with.
    read_at: datetime


@dataclass(frozen=True, slots=True)
class WindowsMoved:
    changed: int
    # A batch has rows to settle.
    settling: bool
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class ExternalsFreed:
    """External calls whose time was over."""

    freed: int
    # There may be more of them.
    more: bool
    # When the time of the next one is over.
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class LedgerFault:
    """A scope whose ledger differs from its rows."""

    scope: str
    used: int
    held: int


@dataclass(frozen=True, slots=True)
class CallAfterEvent:
    """A call right after a report by another system, and what that did."""

    call: Call
    applied: Applied


class CallEventStore(Protocol):
    async def apply_call_event(
        self, account_id: AccountId, call_id: CallId, event: CallEvent
    ) -> CallAfterEvent:
        """Moves the call as `DispatchStore.apply_reports` does, and keeps what was said, in
        one transaction. Raises NotFoundError (CALL_NOT_FOUND), InvalidFieldsError,
        PreconditionError (CALL_NOT_SENT, CALL_PAYLOAD_ERASED)."""
        ...


class DialQueue(Protocol):
    @property
    def may_dial(self) -> bool:
        """Whether anybody is dialled from here at the moment; what is claimed all the same lies
        until its lease is over."""
        ...

    def dial_next(self, call: ClaimedCall) -> None:
        """Has it dialled ahead of what claims of batches have brought. One that is lost here
        is given back by its lease."""
        ...


class DispatchStore(Protocol):
    async def claim(self, limit: int, ready_since: datetime | None = None) -> Claims:
        """Claims at most `limit` calls over all batches that may be dialled now, in order
        of priority and fair share, within every slot limit. The same gates as everywhere
        decide. None could have been claimed before `ready_since`, where it is given."""
        ...

    async def mark_sending(self, take: Callable[[], Sequence[ClaimedCall]]) -> Sent:
        """Moves claimed calls to SENDING through their batch row, which re-checks that the
        batch runs, its window and the calling hours are open, its settings are those of
        the claim and its daily cap is not reached, that the account's rules for the number let
        it go, and counts the try. A call whose claim was lost
        is left out; one whose batch was stopped is given back."""
        ...

    async def apply_reports(
        self,
        take: Callable[[], Sequence[CallReport]],
        callback_keys: Sequence[int] = (),
        take_arrived: Callable[[], Sequence[RawCallback]] = tuple,
    ) -> Applied:
        """Applies reports by `domain.transition.advance`: call, scheduled call, slots,
        counts and events together. Removes the callbacks that they came from, and stores those
        that have arrived since, for the next group. Both `take` and `take_arrived` are asked once
        the transaction may begin."""
        ...

    async def reap(self, *, every_lease: bool = False) -> Reaped:
        """Ends leases that have run out. `every_lease` is for a server that knows that it
        is the only one and has just started: all leases end, and every live call is put
        before the reconciler, since callbacks may have been missed meanwhile."""
        ...

    async def silent_calls(self, limit: int) -> SilentCalls:
        """Calls that somebody must look at, longest silent first. Changes nothing."""
        ...

    async def postpone(self, until: Sequence[tuple[CallId, datetime]]) -> None:
        """Notes a look-up that settled nothing, and when to look again."""
        ...

    async def move_windows(self) -> WindowsMoved:
        """Opens and closes the windows whose moment has come."""
        ...

    async def settle(self, limit: int) -> bool:
        """Moves at most `limit` rows of stopped or expired batches to their end, or has as
        many looked at again that rules have put off which are changed now. True when there
        may be more."""
        ...

    async def sweep_staging(self, older_than: timedelta | None = None) -> int:
        """Removes what lists that broke off left behind; returns how many rows and findings.
        For a server that has just started: alone, it removes all; beside others, what is
        older than any list that may be under way there."""
        ...

    async def free_externals(self, limit: int) -> ExternalsFreed:
        """Ends at most `limit` external calls whose time is over, and frees their slots."""
        ...

    async def audit_slots(self) -> Sequence[LedgerFault]:
        """Compares the ledger with the calls that hold slots."""
        ...
