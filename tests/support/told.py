"""A call as payloads tell it: the one of Ultravox's documented example."""

from datetime import UTC, datetime, timedelta

from outdial_server.domain.call import Call, CallState, CallTexts, CallTimes, Disposition
from outdial_server.domain.ids import AgentId, BatchId, CallId, ScheduledCallId
from outdial_server.domain.told_call import ToldCall

DAY = datetime(2026, 12, 1, 14, tzinfo=UTC)
AGENT = AgentId("6a4e1f8e-54a1-4c39-a6d1-57f3f8f0b7c5")
BATCH = BatchId("019cadc6-9a80-7015-874f-b32ff0a338d9")
ROW = ScheduledCallId("019cadc6-9a80-7015-874f-b33003794ea2")


def after(seconds: float) -> datetime:
    return DAY + timedelta(seconds=seconds)


CALL = Call(
    CallId("b9a7c1c4-2f52-4a6d-90c9-1f2a63c8a0d7"),
    BATCH,
    ROW,
    AGENT,
    attempt_number=1,
    state=CallState.ENDED,
    disposition=Disposition.ANSWERED_HUMAN,
    reason="",
    address="+15551230001",
    caller_id="+15559870000",
    carrier="twilio",
    carrier_call_id="CA1",
    sent_at=after(4),
    accepted_at=after(5),
    ringing_at=after(6),
    answered_at=after(19.00412),
    ended_at=after(91.870002),
    texts=CallTexts("You are calling Ada.", "", ""),
)
TOLD = ToldCall(
    CALL,
    created_at=after(3.220911),
    agent_name="Reminder",
    times=CallTimes(timedelta(seconds=30), timedelta(hours=1)),
    metadata={"crmId": "c-1"},
)
