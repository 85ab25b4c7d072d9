"""Resources as rows of a table."""

from outdial.v1.account_pb2 import Account, ApiKey
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.call_pb2 import Call
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.event_pb2 import Event
from outdial.v1.external_call_pb2 import ExternalCall
from outdial.v1.phone_number_pb2 import PhoneNumber
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from outdial.v1.suppression_pb2 import Suppression
from outdial.v1.throttle_pb2 import Throttle
from outdial.v1.webhook_delivery_pb2 import WebhookDelivery
from outdial.v1.webhook_pb2 import Webhook

from outdial_client.cli._carrier_facts import calls_per_second
from outdial_client.cli._choices import (
    API_KEY_SCOPES,
    BATCH_STATES,
    CALL_STATES,
    DELIVERY_STATES,
    DISPOSITIONS,
    EVENT_TYPES,
    SCHEDULED_CALL_STATES,
    WEBHOOK_HEALTHS,
)
from outdial_client.cli._facts import account_facts, throttle_rules
from outdial_client.cli._screen import Listing
from outdial_client.cli._webhook_facts import answer_in_words, webhook_events
from outdial_client.cli._words import ended_calls, live_calls, moment, own_reason


def event_cells(event: Event) -> tuple[str, ...]:
    """One event: its number, when, what, why, to whom, and the state after it."""
    row = event.scheduled_call
    is_row = event.HasField("scheduled_call")
    state = (
        SCHEDULED_CALL_STATES.spoken(row.state) if is_row else BATCH_STATES.name(event.batch.state)
    )
    return (
        str(event.sequence),
        moment(event.time),
        EVENT_TYPES.name(event.type),
        event.cause,
        str(row.position) if is_row else "",
        state,
        DISPOSITIONS.spoken(row.disposition),
    )


def _key_state(key: ApiKey) -> str:
    return f"revoked {moment(key.revoke_time)}" if key.HasField("revoke_time") else "works"


BATCHES: Listing[Batch] = Listing(
    headings=("id", "name", "state", "calls", "ended", "alive", "created"),
    cells=lambda batch: (
        batch.batch_id,
        batch.display_name,
        BATCH_STATES.name(batch.state),
        str(batch.counts.total),
        str(ended_calls(batch.counts)),
        str(live_calls(batch.counts)),
        moment(batch.create_time),
    ),
    identity=lambda batch: batch.batch_id,
)
SCHEDULED_CALLS: Listing[ScheduledCall] = Listing(
    headings=("id", "row", "address", "custom id", "state", "how it ended", "reason", "tries"),
    cells=lambda call: (
        call.scheduled_call_id,
        str(call.position),
        call.address,
        call.custom_id,
        SCHEDULED_CALL_STATES.spoken(call.state),
        DISPOSITIONS.spoken(call.disposition),
        own_reason(call),
        str(call.attempt_count),
    ),
    identity=lambda call: call.scheduled_call_id,
)
CALLS: Listing[Call] = Listing(
    headings=(
        "id",
        "try",
        "address",
        "shown",
        "state",
        "how it ended",
        "reason",
        "carrier",
        "sent",
    ),
    cells=lambda call: (
        call.call_id,
        str(call.attempt_number),
        call.address,
        call.caller_id,
        CALL_STATES.spoken(call.state),
        DISPOSITIONS.spoken(call.disposition),
        call.reason,
        call.carrier,
        moment(call.send_time),
    ),
    identity=lambda call: call.call_id,
)
AGENTS: Listing[Agent] = Listing(
    headings=("id", "name", "calls at once", "alive", "created"),
    cells=lambda agent: (
        agent.agent_id,
        agent.display_name,
        str(agent.max_concurrent_calls or ""),
        str(agent.active_calls),
        moment(agent.create_time),
    ),
    identity=lambda agent: agent.agent_id,
)
ACCOUNTS: Listing[Account] = Listing(
    headings=("id", "name", "calls at once", "reserved", "alive"),
    cells=lambda account: tuple(text for _, text in account_facts(account)),
    identity=lambda account: account.account_id,
)
KEYS: Listing[ApiKey] = Listing(
    headings=("id", "name", "begins with", "scopes", "expires", "state"),
    cells=lambda key: (
        key.api_key_id,
        key.display_name,
        key.prefix,
        ", ".join(API_KEY_SCOPES.word(scope) for scope in key.scopes),
        moment(key.expire_time),
        _key_state(key),
    ),
    identity=lambda key: key.api_key_id,
)
SUPPRESSIONS: Listing[Suppression] = Listing(
    headings=("id", "address", "source", "reason", "until", "created"),
    cells=lambda entry: (
        entry.suppression_id,
        entry.address,
        entry.source,
        entry.reason,
        moment(entry.expire_time),
        moment(entry.create_time),
    ),
    identity=lambda entry: entry.suppression_id,
)
THROTTLES: Listing[Throttle] = Listing(
    headings=("id", "name", "calls/seconds", "created"),
    cells=lambda throttle: (
        throttle.throttle_id,
        throttle.display_name,
        throttle_rules(throttle),
        moment(throttle.create_time),
    ),
    identity=lambda throttle: throttle.throttle_id,
)
WEBHOOKS: Listing[Webhook] = Listing(
    headings=("id", "url", "events", "state", "created"),
    cells=lambda webhook: (
        webhook.webhook_id,
        webhook.url,
        webhook_events(webhook),
        WEBHOOK_HEALTHS.spoken(webhook.health) if webhook.active else "not active",
        moment(webhook.create_time),
    ),
    identity=lambda webhook: webhook.webhook_id,
)
DELIVERIES: Listing[WebhookDelivery] = Listing(
    headings=("message", "event", "state", "tries", "last try", "took", "answer", "next try"),
    cells=lambda delivery: (
        delivery.message_id,
        EVENT_TYPES.word(delivery.event_type),
        DELIVERY_STATES.spoken(delivery.state),
        str(delivery.try_count),
        moment(delivery.last_try_time),
        f"{delivery.duration.ToMilliseconds()} ms",
        answer_in_words(delivery),
        moment(delivery.next_try_time),
    ),
    identity=lambda delivery: delivery.message_id,
)
NUMBERS: Listing[PhoneNumber] = Listing(
    headings=("id", "number", "name", "agent", "calls at once", "alive", "state"),
    cells=lambda number: (
        number.phone_number_id,
        number.address,
        number.display_name,
        number.agent_id,
        str(number.max_concurrent_calls or ""),
        str(number.active_calls),
        "active" if number.active else "not active",
    ),
    identity=lambda number: number.phone_number_id,
)
EXTERNAL_CALLS: Listing[ExternalCall] = Listing(
    headings=("id", "agent", "carrier config", "since", "until"),
    cells=lambda call: (
        call.external_id,
        call.agent_id,
        call.carrier_config_id,
        moment(call.create_time),
        moment(call.expire_time),
    ),
    identity=lambda call: call.external_id,
)
EVENTS: Listing[Event] = Listing(
    headings=("number", "when", "event", "cause", "row", "state", "how it ended"),
    cells=event_cells,
    identity=lambda event: str(event.sequence),
)
CARRIER_CONFIGS: Listing[CarrierConfig] = Listing(
    headings=("id", "name", "carrier", "calls at once", "calls a second", "alive", "created"),
    cells=lambda config: (
        config.carrier_config_id,
        config.display_name,
        config.carrier,
        str(config.max_concurrent_calls or ""),
        calls_per_second(config),
        str(config.active_calls),
        moment(config.create_time),
    ),
    identity=lambda config: config.carrier_config_id,
)
