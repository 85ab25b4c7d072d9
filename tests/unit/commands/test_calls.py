"""A person's word on a call: hang up, or what became of an unknown one."""

from dataclasses import replace

import pytest

from outdial_server.commands.end_call import EndCall
from outdial_server.commands.resolve_call import Resolution, ResolveCall
from outdial_server.domain.call import Call, CallState, DirectPart, Disposition
from outdial_server.domain.errors import (
    InvalidFieldsError,
    NotFoundError,
    OutdialError,
    PreconditionError,
    Reason,
)
from outdial_server.domain.ids import AccountId, CallId
from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.ports.signals import Topic
from support.batches import DispatchedCalls
from support.carriers import FunctionCarrier
from support.clock import START, ManualClock, ManualSignals
from support.dispatch import MemoryDispatch
from support.domain import ACCOUNT

CALL = CallId("call-0")
CAN_END = {CallState.ACCEPTED, CallState.RINGING, CallState.IN_PROGRESS}


class OneCall:
    def __init__(self, state: CallState, carrier: FunctionCarrier | None = None) -> None:
        clock = ManualClock()
        self.signals = ManualSignals(clock)
        self.dispatch = MemoryDispatch(clock)
        self.dispatch.add_rows(1)
        self.dispatch.calls[CALL] = self.dispatch.calls[CALL]._replace(state=state, fence=1)
        self.carrier = carrier or FunctionCarrier()
        self.calls = DispatchedCalls(self.dispatch)
        self.end = EndCall(self.calls, self.carrier.registered)
        self.resolve = ResolveCall(self.calls, self.dispatch, self.signals)


# --- EndCall -------------------------------------------------------------------


@pytest.mark.parametrize("state", set(CallState) - {CallState.CLAIMED})
async def test_only_a_call_that_the_carrier_has_can_be_hung_up(state: CallState) -> None:
    one = OneCall(state)
    if state in CAN_END:
        assert (await one.end.execute(ACCOUNT, CALL)).call_id == CALL
        assert [query.call_id for query in one.carrier.hung_up] == [CALL]
        return
    with pytest.raises(PreconditionError) as refused:
        await one.end.execute(ACCOUNT, CALL)
    assert refused.value.reason is Reason.CALL_NOT_LIVE
    assert one.carrier.hung_up == []


async def test_a_carrier_that_does_not_take_the_request_is_unavailable() -> None:
    one = OneCall(CallState.RINGING, FunctionCarrier(hangs_up=False))
    with pytest.raises(OutdialError) as refused:
        await one.end.execute(ACCOUNT, CALL)
    assert refused.value.reason is Reason.CARRIER_UNAVAILABLE


async def test_a_direct_call_that_was_not_sent_is_called_off_without_the_carrier() -> None:
    one = OneCall(CallState.CLAIMED)
    assert (await one.end.execute(ACCOUNT, CALL)).call_id == CALL
    assert one.calls.called_off == [CALL]
    assert one.carrier.hung_up == []


async def test_another_account_s_call_is_not_found() -> None:
    one = OneCall(CallState.RINGING)
    with pytest.raises(NotFoundError):
        await one.end.execute(AccountId("somebody else"), CALL)
    with pytest.raises(NotFoundError):
        await one.resolve.execute(AccountId("somebody else"), CALL, Resolution.NOT_PLACED, None)


# --- ResolveCall ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("resolution", "disposition"),
    [
        (Resolution.PLACED, Disposition.ANSWERED_HUMAN),
        (Resolution.NOT_PLACED, None),
        (Resolution.DIAL_AGAIN, None),
    ],
)
async def test_a_resolved_call_is_over_and_its_slot_free(
    resolution: Resolution, disposition: Disposition | None
) -> None:
    one = OneCall(CallState.UNKNOWN)
    call = await one.resolve.execute(ACCOUNT, CALL, resolution, disposition)
    assert call.state is CallState.ENDED
    assert not one.dispatch.calls[CALL].holds_slot
    await one.signals.wait(Topic.CLAIM, None)


@pytest.mark.parametrize("state", set(CallState) - {CallState.UNKNOWN})
async def test_only_an_unknown_call_can_be_resolved(state: CallState) -> None:
    one = OneCall(state)
    with pytest.raises(PreconditionError) as refused:
        await one.resolve.execute(ACCOUNT, CALL, Resolution.NOT_PLACED, None)
    assert refused.value.metadata == {"state": state.name}
    assert one.dispatch.groups == []


@pytest.mark.parametrize(
    ("resolution", "disposition"),
    [
        (Resolution.PLACED, None),
        (Resolution.NOT_PLACED, Disposition.BUSY),
        (Resolution.DIAL_AGAIN, Disposition.BUSY),
    ],
)
async def test_a_call_that_was_placed_needs_its_outcome_and_only_that_one(
    resolution: Resolution, disposition: Disposition | None
) -> None:
    with pytest.raises(InvalidFieldsError, match="disposition"):
        await OneCall(CallState.UNKNOWN).resolve.execute(ACCOUNT, CALL, resolution, disposition)


class DirectCalls(DispatchedCalls):
    async def get_call(self, account_id: AccountId, call_id: CallId) -> Call:
        found = await super().get_call(account_id, call_id)
        return replace(found, direct=DirectPart(START, START))


async def test_a_direct_call_is_not_dialled_again() -> None:
    one = OneCall(CallState.UNKNOWN)
    resolve = ResolveCall(DirectCalls(one.dispatch), one.dispatch, one.signals)
    with pytest.raises(PreconditionError) as refused:
        await resolve.execute(ACCOUNT, CALL, Resolution.DIAL_AGAIN, None)
    assert refused.value.reason is Reason.CALL_IS_DIRECT
    over = await resolve.execute(ACCOUNT, CALL, Resolution.NOT_PLACED, None)
    assert over.state is CallState.ENDED


class CallsSeenEarlier(DispatchedCalls):
    """What a person sees is a moment old: a callback comes right behind the look."""

    async def get_call(self, account_id: AccountId, call_id: CallId) -> Call:
        seen = await super().get_call(account_id, call_id)
        answered = CallReport(call_id, ReportKind.ANSWERED)
        await self._dispatch.apply_reports(lambda: (answered,))
        return seen


async def test_evidence_that_was_faster_than_the_person_stands() -> None:
    one = OneCall(CallState.UNKNOWN)
    resolve = ResolveCall(CallsSeenEarlier(one.dispatch), one.dispatch, one.signals)
    with pytest.raises(PreconditionError) as refused:
        await resolve.execute(ACCOUNT, CALL, Resolution.DIAL_AGAIN, None)
    assert refused.value.metadata == {"state": "IN_PROGRESS"}
    assert one.dispatch.states() == [CallState.IN_PROGRESS]
