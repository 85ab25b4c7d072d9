"""Reports of calls from the SDK and the command."""

from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Value
from outdial.v1.call_service_pb2 import GetCallResponse, ReportCallEventResponse
from outdial.v1.scheduled_call_pb2 import Disposition

from client.command_line import Outdial
from client.far_end import FarEnd
from outdial_client import (
    Call,
    CallJoined,
    CallOver,
    CallState,
    Client,
    CollectedValue,
    Conversation,
    Evaluation,
    Speaker,
    Utterance,
)

SAID = Conversation(
    duration=Duration(seconds=75),
    summary="Ada will come.",
    utterances=[Utterance(speaker=Speaker.SPEAKER_AGENT, text="Hello, Ada.")],
    evaluations=[Evaluation(name="polite", passed=True)],
    collected=[CollectedValue(name="day", value=Value(string_value="friday"))],
)
OVER = Call(
    call_id="c-1",
    state=CallState.CALL_STATE_ENDED,
    disposition=Disposition.DISPOSITION_UNJOINED,
    conversation=SAID,
)


async def test_what_happened_and_what_was_said_are_told(far_end: FarEnd) -> None:
    far_end.answer("ReportCallEvent", ReportCallEventResponse(call=OVER))
    async with Client(far_end.address) as client:
        await client.calls.report("c-1", joined=CallJoined(by_machine=True))
        ended = CallOver(reason="hangup")
        assert await client.calls.report("c-1", ended=ended, conversation=SAID) == OVER
    first, second = far_end.requests("ReportCallEvent")
    assert (first.call_id, first.WhichOneof("event")) == ("c-1", "joined")
    assert first.joined.by_machine
    assert not first.HasField("conversation")
    assert (second.ended, second.conversation) == (ended, SAID)


async def test_the_same_from_the_shell(far_end: FarEnd, outdial: Outdial, tmp_path: Path) -> None:
    far_end.answer("ReportCallEvent", ReportCallEventResponse(call=OVER))
    said = tmp_path / "said.json"
    said.write_text('{"summary": "Ada will come.", "duration": "75s"}')
    told = await outdial(
        "call", "report", "c-1", "--ended", "--disposition", "unjoined", "--reason", "nobody"
    )
    assert told.stdout == "Call c-1 is ended, unjoined.\n"
    assert (await outdial("call", "report", "c-1", "--joined", "--machine")).exit_code == 0
    assert (await outdial("call", "report", "c-1", "--conversation", f"@{said}")).exit_code == 0
    ended, joined, talk = far_end.requests("ReportCallEvent")
    assert ended.ended.disposition == Disposition.DISPOSITION_UNJOINED
    assert ended.ended.reason == "nobody"
    assert joined.joined.by_machine
    assert talk.WhichOneof("event") is None
    assert (talk.conversation.summary, talk.conversation.duration.seconds) == (SAID.summary, 75)


async def test_options_that_do_not_fit_are_refused(outdial: Outdial) -> None:
    for options, says in (
        (("--joined", "--ended"), "two reports"),
        (("--machine",), "needs --joined"),
        (("--reason", "x"), "need --ended"),
        (("--conversation", '{"words": 1}'), "words"),
    ):
        result = await outdial("call", "report", "c-1", *options)
        assert result.exit_code == 2
        assert says in result.stderr


async def test_a_call_is_shown_with_what_was_said(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("GetCall", GetCallResponse(call=OVER))
    shown = (await outdial("call", "show", "c-1")).stdout
    for fact in ("1:15", "Ada will come.", "Hello, Ada.", "aim: polite", '"friday"'):
        assert fact in shown
