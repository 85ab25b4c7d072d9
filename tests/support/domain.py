"""Batches and calls as the domain sees them, with plain values where a test does not care."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from outdial_server.domain.batch import Batch, BatchCounts, BatchState
from outdial_server.domain.batch_policies import ConfigErrorPolicy, DuplicatePolicy, UnknownPolicy
from outdial_server.domain.batch_settings import BatchSettings
from outdial_server.domain.call import Call, CallState, CallTimes, Disposition
from outdial_server.domain.ids import AccountId, AgentId, BatchId, CallId, ScheduledCallId
from outdial_server.domain.report import CallReport, Fault, ReportKind
from outdial_server.domain.scheduled_call import DispatchOutcome, ScheduledCallState
from outdial_server.domain.transition import CallFacts, Transition
from support.clock import START

CALL = CallId("01900000-0000-7000-8000-000000000001")
ACCOUNT = AccountId("01900000-0000-7000-8000-00000000000a")
BATCH = BatchId("01900000-0000-7000-8000-00000000000b")
AGENT = AgentId("01900000-0000-7000-8000-00000000000c")

TIMES = CallTimes(ring_timeout=timedelta(seconds=30), max_duration=timedelta(minutes=10))


def a_call(state: CallState = CallState.SENDING, **changes: Any) -> CallFacts:
    call = CallFacts(
        state=state,
        fence=1,
        carrier_call_id="",
        answered=state is CallState.IN_PROGRESS,
        holds_slot=state is not CallState.ENDED,
        dispatch_outcome=DispatchOutcome.NONE,
        unknown_policy=UnknownPolicy.AT_MOST_ONCE,
        on_config_error=ConfigErrorPolicy.PAUSE,
        times=TIMES,
    )
    return call._replace(**changes)


def report(kind: ReportKind, **values: Any) -> CallReport:
    return CallReport(CALL, kind, **values)


def after(call: CallFacts, transition: Transition | None) -> CallFacts:
    """The call as a store keeps it after a transition. A released one has a new fence."""
    if transition is None:
        return call
    released = transition.state is CallState.CLAIMED
    return call._replace(
        state=transition.state,
        fence=call.fence + 1 if released else call.fence,
        carrier_call_id=transition.carrier_call_id,
        answered=call.answered or transition.state is CallState.IN_PROGRESS,
        holds_slot=transition.holds_slot,
        dispatch_outcome=transition.dispatch_outcome,
        heard_machine=call.heard_machine or transition.disposition is Disposition.ANSWERED_MACHINE,
    )


def sent_again(call: CallFacts) -> CallFacts:
    """A released call that was claimed and sent anew."""
    return call._replace(state=CallState.SENDING, fence=call.fence + 1, holds_slot=True)


def a_batch(state: BatchState = BatchState.RUNNING, **changes: Any) -> Batch:
    """`changes` are fields of the batch, of its settings or of its counts."""
    settings = {n: changes.pop(n) for n in [*changes] if n in BatchSettings.__slots__}
    counts = {n: changes.pop(n) for n in [*changes] if n in BatchCounts.__slots__}
    counts.setdefault("total", sum(counts.get(n, 0) for n in _ADDENDS))
    batch = Batch(
        batch_id=BATCH,
        account_id=ACCOUNT,
        agent_id=AGENT,
        carrier="simulated",
        duplicates=DuplicatePolicy.KEEP,
        settings=BatchSettings("Reminders", **settings),
        state=state,
        state_reason="",
        state_detail="",
        settling_to=None,
        counts=BatchCounts(**counts),
        sequence=1,
        revision=1,
        created_at=START,
        updated_at=START,
        started_at=None,
        ended_at=None,
        deleted_at=None,
    )
    return replace(batch, **changes)


_ADDENDS = tuple(state.name.lower() for state in ScheduledCallState)

FENCES = st.sampled_from((None, 1, 2, 3))

REPORTS = st.builds(
    CallReport,
    call_id=st.just(CALL),
    kind=st.sampled_from(ReportKind),
    carrier_call_id=st.sampled_from(("", "CA1", "CA2")),
    disposition=st.none() | st.sampled_from(Disposition),
    reason=st.sampled_from(("", "WHY")),
    fault=st.sampled_from(Fault),
    retry_after=st.none() | st.timedeltas(timedelta(seconds=-1), timedelta(hours=1)),
    fence=FENCES,
)
"""Any report about the one call, believable or not."""

CALLS = st.builds(
    a_call,
    state=st.just(CallState.SENDING),
    unknown_policy=st.sampled_from(UnknownPolicy),
    on_config_error=st.sampled_from(ConfigErrorPolicy),
    dispatch_outcome=st.sampled_from(DispatchOutcome),
)
"""A call whose request is just let go, under any policy."""

MOMENTS = st.integers(-7200, 7200).map(lambda seconds: START + timedelta(seconds=seconds))


def a_shown_call(**changes: Any) -> Call:
    """As clients see one whose request was just let go."""
    call = Call(
        call_id=CALL,
        batch_id=BATCH,
        scheduled_call_id=ScheduledCallId("a row"),
        agent_id=AGENT,
        attempt_number=1,
        state=CallState.SENDING,
        disposition=None,
        reason="",
        address="+15551230001",
        caller_id="",
        carrier="simulated",
        carrier_call_id="",
        sent_at=START,
        accepted_at=None,
        ringing_at=None,
        answered_at=None,
        ended_at=None,
    )
    return replace(call, **changes)
