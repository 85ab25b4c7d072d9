"""Deliveries of webhooks."""

from outdial.v1 import webhook_delivery_pb2 as pb
from outdial.v1 import webhook_service_pb2 as service_pb

from outdial_server.api.conversion.enums import DELIVERY_STATE, EVENT_TYPE
from outdial_server.api.conversion.ids import canonical
from outdial_server.api.conversion.times import duration, moment, timestamp
from outdial_server.commands.redeliver_webhook_events import RedeliveryOrder
from outdial_server.commands.send_test_webhook import ProbeEnd
from outdial_server.domain.ids import BatchId
from outdial_server.domain.webhook_delivery import Delivery, DeliveryFilter
from outdial_server.domain.webhook_tries import Verdict


def delivery_filter(request: service_pb.ListWebhookDeliveriesRequest) -> DeliveryFilter:
    """Raises InvalidFieldsError for a state that this server does not know."""
    return DeliveryFilter(
        DELIVERY_STATE.each(request.states, "states"), _batch_id(request.batch_id)
    )


def delivery_to_message(delivery: Delivery) -> pb.WebhookDelivery:
    return pb.WebhookDelivery(
        message_id=delivery.message_id,
        batch_id=delivery.batch_id or "",
        sequence=delivery.sequence,
        event_type=EVENT_TYPE.to_message(delivery.event_type),
        event_time=timestamp(delivery.event_at),
        state=DELIVERY_STATE.to_message(delivery.state),
        try_count=delivery.tries,
        first_try_time=timestamp(delivery.first_tried_at),
        last_try_time=timestamp(delivery.tried_at),
        duration=duration(delivery.took),
        status_code=delivery.status or 0,
        error=delivery.error,
        answer=delivery.answer,
        next_try_time=timestamp(delivery.next_at),
    )


def redelivery_order(request: service_pb.RedeliverWebhookEventsRequest) -> RedeliveryOrder:
    """Raises InvalidFieldsError for a time that is none."""
    since = until = None
    if request.HasField("since_time"):
        since = moment(request.since_time, "since_time")
    if request.HasField("until_time"):
        until = moment(request.until_time, "until_time")
    return RedeliveryOrder(tuple(request.message_ids), since, until, _batch_id(request.batch_id))


def probe_end_to_message(end: ProbeEnd) -> service_pb.SendTestWebhookResponse:
    return service_pb.SendTestWebhookResponse(
        taken=end.result.verdict is Verdict.TAKEN,
        message_id=end.message_id,
        duration=duration(end.took),
        status_code=end.result.status or 0,
        error=end.result.error,
        answer=end.result.answer,
    )


def _batch_id(text: str) -> BatchId | None:
    return BatchId(canonical(text)) if text else None
