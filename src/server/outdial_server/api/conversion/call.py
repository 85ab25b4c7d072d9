"""Calls."""

from typing import Final

from outdial.v1 import call_pb2 as pb

from outdial_server.api.conversion.enums import CALL_STATE, DISPOSITION
from outdial_server.api.conversion.times import timestamp
from outdial_server.domain.call import Call, CallTexts

_NO_TEXTS: Final = CallTexts()


def call_to_message(call: Call) -> pb.Call:
    texts = call.texts or _NO_TEXTS
    return pb.Call(
        call_id=call.call_id,
        batch_id=call.batch_id,
        scheduled_call_id=call.scheduled_call_id,
        agent_id=call.agent_id,
        attempt_number=call.attempt_number,
        state=CALL_STATE.to_message(call.state),
        disposition=DISPOSITION.to_message(call.disposition),
        reason=call.reason,
        address=call.address,
        caller_id=call.caller_id,
        carrier=call.carrier,
        carrier_call_id=call.carrier_call_id,
        send_time=timestamp(call.sent_at),
        accept_time=timestamp(call.accepted_at),
        ring_time=timestamp(call.ringing_at),
        answer_time=timestamp(call.answered_at),
        end_time=timestamp(call.ended_at),
        prompt=texts.prompt,
        first_message=texts.first_message,
        join_url=texts.join_url,
    )
