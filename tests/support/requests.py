"""A call to ask a carrier for."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from outdial_server.domain.ids import AccountId, BatchId, CallId
from outdial_server.ports.carrier import DialRequest

REQUEST = DialRequest(
    call_id=CallId("ours"),
    account_id=AccountId("account"),
    batch_id=BatchId("batch"),
    address="+15551230001",
    caller_id="+15551230000",
    ring_timeout=timedelta(seconds=30),
    max_duration=timedelta(minutes=10),
    join_url="wss://agent.example.net/calls/ours",
)


def a_request(**changes: Any) -> DialRequest:
    return replace(REQUEST, **changes)
