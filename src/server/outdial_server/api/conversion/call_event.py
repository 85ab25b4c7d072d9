"""What other systems report of calls."""

from outdial.v1 import call_pb2 as pb
from outdial.v1 import call_service_pb2 as service_pb

from outdial_server.api.conversion.enums import DISPOSITION, SPEAKER
from outdial_server.api.conversion.struct import value, value_json
from outdial_server.api.conversion.times import duration, span
from outdial_server.domain.call_event import CallEvent, Joined, Over
from outdial_server.domain.conversation import (
    CollectedValue,
    Conversation,
    Evaluation,
    Utterance,
)


def call_event(request: service_pb.ReportCallEventRequest) -> CallEvent:
    conversation = None
    if request.HasField("conversation"):
        conversation = _conversation(request.conversation)
    return CallEvent(_happened(request), conversation)


def _happened(request: service_pb.ReportCallEventRequest) -> Joined | Over | None:
    match request.WhichOneof("event"):
        case "joined":
            return Joined(request.joined.by_machine)
        case "ended":
            ended = request.ended
            how = DISPOSITION.optional(ended.disposition, "ended.disposition")
            return Over(how, ended.reason)
        case _:
            return None


def _conversation(message: pb.Conversation) -> Conversation:
    length = None
    if message.HasField("duration"):
        length = span(message.duration, "conversation.duration")
    return Conversation(
        length,
        message.summary,
        message.recording_url,
        tuple(
            _utterance(utterance, f"conversation.utterances[{index}]")
            for index, utterance in enumerate(message.utterances)
        ),
        tuple(Evaluation(e.id, e.name, e.passed, e.rationale) for e in message.evaluations),
        tuple(
            CollectedValue(
                found.id,
                found.name,
                value_json(found.value, f"conversation.collected[{index}].value"),
            )
            for index, found in enumerate(message.collected)
        ),
    )


def _utterance(message: pb.Utterance, path: str) -> Utterance:
    speaker = SPEAKER.from_message(message.speaker, f"{path}.speaker")
    offset = span(message.offset, f"{path}.offset") if message.HasField("offset") else None
    return Utterance(speaker, message.text, offset)


def conversation_to_message(told: Conversation) -> pb.Conversation:
    return pb.Conversation(
        duration=None if told.duration is None else duration(told.duration),
        summary=told.summary,
        recording_url=told.recording_url,
        utterances=[
            pb.Utterance(
                speaker=SPEAKER.to_message(u.speaker),
                text=u.text,
                offset=None if u.offset is None else duration(u.offset),
            )
            for u in told.utterances
        ],
        evaluations=[
            pb.Evaluation(id=e.evaluation_id, name=e.name, passed=e.passed, rationale=e.rationale)
            for e in told.evaluations
        ],
        collected=[
            pb.CollectedValue(id=c.value_id, name=c.name, value=value(c.value_json))
            for c in told.collected
        ],
    )
