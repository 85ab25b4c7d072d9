"""ReportCallEvent over gRPC: another system tells of a call, and it is read back."""

import grpc.aio
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from outdial.v1.call_pb2 import (
    CALL_STATE_ENDED,
    SPEAKER_AGENT,
    SPEAKER_PERSON,
    CollectedValue,
    Conversation,
    Evaluation,
    Utterance,
)
from outdial.v1.call_service_pb2 import CallJoined, CallOver
from outdial.v1.event_pb2 import EVENT_TYPE_CONVERSATION_REPORTED
from outdial.v1.scheduled_call_pb2 import DISPOSITION_BUSY
from outdial.v1.scheduled_call_service_pb2 import ExportScheduledCallsRequest
from outdial.v1.scheduled_call_service_pb2_grpc import ScheduledCallServiceStub
from tests.integration.api.conftest import Belongings, watch_to_the_end

from support.grpc import call

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAID = Conversation(
    duration=Duration(seconds=42, nanos=5000),
    summary="Ada will come on Friday.",
    recording_url="https://media.example/1.mp3",
    utterances=[
        Utterance(speaker=SPEAKER_AGENT, text="Hello, Ada.", offset=Duration()),
        Utterance(speaker=SPEAKER_PERSON, text="Hi!"),
    ],
    evaluations=[Evaluation(id="e-1", name="polite", passed=True, rationale="Said hello.")],
    collected=[
        CollectedValue(id="v-1", name="day", value=Value(string_value="friday")),
        CollectedValue(
            name="guests",
            value=Value(
                list_value=ListValue(values=[Value(number_value=2.5), Value(bool_value=True)])
            ),
        ),
        CollectedValue(name="wishes", value=Value(struct_value=Struct())),
    ],
)


async def test_what_was_said_is_read_back_as_it_was_told_and_ends_nothing_twice(
    grpc_channel: grpc.aio.Channel, ours: Belongings
) -> None:
    key, call_id = ours.tenant.key, ours.call_id
    before = (await call(grpc_channel, "GetCall", key, call_id=call_id)).call
    assert before.state == CALL_STATE_ENDED
    told = await call(grpc_channel, "ReportCallEvent", key, call_id=call_id, conversation=SAID)
    assert told.call.conversation == SAID
    for late in ({"joined": CallJoined()}, {"ended": CallOver(disposition=DISPOSITION_BUSY)}):
        again = await call(grpc_channel, "ReportCallEvent", key, call_id=call_id, **late)
        assert again.call == told.call, "it has ended, and stays as it was"
    found = (await call(grpc_channel, "GetCall", key, call_id=call_id)).call
    assert found == told.call
    assert (found.state, found.disposition) == (before.state, before.disposition)
    stub = ScheduledCallServiceStub(grpc_channel)
    request = ExportScheduledCallsRequest(batch_id=ours.called_batch_id, with_conversations=True)
    (page,) = [message async for message in stub.ExportScheduledCalls(request, metadata=key)]
    assert page.results[0].call.conversation == SAID
    listed = await call(grpc_channel, "ListCalls", key, batch_id=ours.called_batch_id)
    assert not listed.calls[0].HasField("conversation")
    events = await call(grpc_channel, "ListBatchEvents", key, batch_id=ours.called_batch_id)
    assert events.events[-1].type == EVENT_TYPE_CONVERSATION_REPORTED
    assert events.events[-1].scheduled_call.call_id == call_id
    await watch_to_the_end(grpc_channel, key, ours.called_batch_id)
