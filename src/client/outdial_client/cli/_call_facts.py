"""One row of a batch, and one call, in full."""

import json

from google.protobuf.json_format import MessageToDict
from outdial.v1.call_pb2 import Call, Conversation
from outdial.v1.scheduled_call_pb2 import ScheduledCall

from outdial_client.cli._choices import (
    CALL_STATES,
    DISPOSITIONS,
    MEDIA,
    SCHEDULED_CALL_STATES,
    SPEAKERS,
    ZONE_SOURCES,
)
from outdial_client.cli._facts import Facts, stated, values
from outdial_client.cli._words import labels, moment, own_reason, span


def scheduled_call_facts(call: ScheduledCall) -> Facts:
    """One row of a batch in full; what is unset is left out."""
    facts = [
        ("id", call.scheduled_call_id),
        ("batch", call.batch_id),
        ("row", str(call.position)),
        ("address", call.address),
        ("custom id", call.custom_id),
        ("time zone", _zone(call)),
        ("caller ID", call.caller_id),
        ("may ring", span(call.ring_timeout.ToTimedelta()) if call.ring_timeout.seconds else ""),
        (
            "may last",
            span(call.max_call_duration.ToTimedelta()) if call.max_call_duration.seconds else "",
        ),
        ("priority", str(call.priority or "")),
        ("medium", MEDIA.spoken(call.medium)),
        ("carrier config", call.carrier_config),
        ("state", SCHEDULED_CALL_STATES.spoken(call.state)),
        ("how it ended", DISPOSITIONS.spoken(call.disposition)),
        ("because", own_reason(call)),
        ("tries", str(call.attempt_count)),
        ("call", call.call_id),
        ("due", moment(call.due_time)),
        ("dispatched", moment(call.dispatch_time)),
        ("ended", moment(call.end_time)),
        ("values", values(call.template_context)),
        ("labels", labels(call.metadata)),
        ("carrier's own", values(call.carrier_params)),
    ]
    return stated(facts)


def _zone(call: ScheduledCall) -> str:
    source = ZONE_SOURCES.spoken(call.time_zone_source)
    return f"{call.effective_time_zone} ({source})" if source else call.effective_time_zone


def call_facts(call: Call) -> Facts:
    """One try in full; what is unset is left out."""
    facts = [
        ("id", call.call_id),
        ("batch", call.batch_id),
        ("scheduled call", call.scheduled_call_id),
        ("agent", call.agent_id),
        ("try", str(call.attempt_number)),
        ("address", call.address),
        ("caller ID", call.caller_id),
        ("carrier", call.carrier),
        ("carrier's id", call.carrier_call_id),
        ("state", CALL_STATES.spoken(call.state)),
        ("how it ended", DISPOSITIONS.spoken(call.disposition)),
        ("because", call.reason),
        ("made", moment(call.create_time)),
        ("not dialled from", moment(call.expire_time)),
        ("sent", moment(call.send_time)),
        ("accepted", moment(call.accept_time)),
        ("rang", moment(call.ring_time)),
        ("answered", moment(call.answer_time)),
        ("ended", moment(call.end_time)),
        ("join URL", call.join_url),
        ("first message", call.first_message),
        ("prompt", call.prompt),
        *_conversation_facts(call.conversation),
        ("carrier's own", values(call.carrier_params)),
    ]
    return stated(facts)


def _conversation_facts(told: Conversation) -> Facts:
    """What was said; the transcript line by line."""
    return [
        ("lasted", span(told.duration.ToTimedelta()) if told.HasField("duration") else ""),
        ("summary", told.summary),
        ("recording", told.recording_url),
        *((f"found: {one.name}", json.dumps(MessageToDict(one.value))) for one in told.collected),
        *((f"aim: {aim.name}", "met" if aim.passed else "not met") for aim in told.evaluations),
        *((SPEAKERS.spoken(said.speaker), said.text) for said in told.utterances),
    ]
