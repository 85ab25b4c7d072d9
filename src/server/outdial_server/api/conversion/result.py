"""Scheduled calls with what came of them."""

from outdial.v1 import scheduled_call_service_pb2 as pb

from outdial_server.api.conversion.call import call_to_message
from outdial_server.api.conversion.scheduled_call import scheduled_call_to_message
from outdial_server.ports.batches import ScheduledCallResult


def result_to_message(result: ScheduledCallResult) -> pb.ScheduledCallResult:
    return pb.ScheduledCallResult(
        scheduled_call=scheduled_call_to_message(result.scheduled_call),
        call=None if result.call is None else call_to_message(result.call),
    )
