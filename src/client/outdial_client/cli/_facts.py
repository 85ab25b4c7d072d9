"""One resource in full: a fact a line, what is unset left out."""

import json
from collections.abc import Sequence

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from outdial.v1.account_pb2 import Account
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch, BatchState, Pacing
from outdial.v1.call_pb2 import Call, Conversation
from outdial.v1.calling_hours_pb2 import ZoneRule
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.phone_number_pb2 import PhoneNumber
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from outdial.v1.suppression_pb2 import Suppression
from outdial.v1.throttle_pb2 import Throttle
from outdial.v1.webhook_delivery_pb2 import WebhookDelivery
from outdial.v1.webhook_pb2 import Webhook
from outdial.v1.webhook_service_pb2 import SendTestWebhookResponse
from outdial.v1.window_pb2 import WindowEstimate

from outdial_client._calling_hours import days_text
from outdial_client.cli._choices import (
    BATCH_STATES,
    CALL_STATES,
    DISPOSITIONS,
    EVENT_TYPES,
    LENGTH_SOURCES,
    MEDIA,
    NUMBER_CAPABILITIES,
    ROTATIONS,
    SCHEDULED_CALL_STATES,
    SPEAKERS,
    WEBHOOK_FORMATS,
    WEBHOOK_HEALTHS,
    ZONE_SOURCES,
)
from outdial_client.cli._lengths import length
from outdial_client.cli._retry_rules import retry_words
from outdial_client.cli._schedule_warnings import warning_of
from outdial_client.cli._words import counts_by_state, labels, moment, own_reason, span

Facts = Sequence[tuple[str, str]]


def batch_facts(batch: Batch) -> Facts:
    """One batch in full; what is unset is left out."""
    counts = ", ".join(f"{name} {n}" for name, n in counts_by_state(batch.counts) if n)
    reason = " ".join(part for part in (batch.state_reason, batch.state_detail) if part)
    facts = [
        ("id", batch.batch_id),
        ("name", batch.display_name),
        ("state", BATCH_STATES.name(batch.state)),
        ("because", reason),
        ("agent", batch.agent_id),
        ("window opens", moment(batch.window_start)),
        ("window closes", moment(batch.window_end)),
        ("hours", _hours(batch)),
        ("calls a day", str(batch.max_calls_per_day or "")),
        ("spread", "over the day" if batch.pacing == Pacing.PACING_SPREAD_OVER_DAYS else ""),
        ("warning", warning_of(batch)),
        ("priority", str(batch.priority or "")),
        ("weight", str(batch.weight or "")),
        ("calls at once", str(batch.max_concurrent_calls or "")),
        ("caller ID", batch.caller_id),
        ("calls from", ", ".join(batch.phone_numbers)),
        ("rotation", _rotation(batch)),
        ("throttle", batch.throttle),
        ("carrier", batch.carrier),
        ("carrier config", batch.carrier_config),
        ("medium", MEDIA.spoken(batch.medium)),
        ("told of its calls", batch.webhook_url),
        ("retries", retry_words(batch.retry_policy)),
        ("calls", f"{batch.counts.total}" + (f": {counts}" if counts else "")),
        ("unknown", str(batch.counts.unknown or "")),
        ("labels", labels(batch.metadata)),
        ("carrier's own", _values(batch.carrier_params)),
        ("created", moment(batch.create_time)),
        ("started", moment(batch.start_time)),
        ("all dispatched", moment(batch.dispatch_end_time)),
        ("ended", moment(batch.end_time)),
    ]
    return _stated(facts)


def is_idle(batch: Batch) -> bool:
    """People wait, and nobody is being called. A draft says so by its state."""
    counts = batch.counts
    is_called = counts.dialing + counts.in_progress > 0
    return counts.waiting > 0 and not is_called and batch.state in _UNDER_WAY


_UNDER_WAY = frozenset(
    {
        BatchState.BATCH_STATE_SCHEDULED,
        BatchState.BATCH_STATE_RUNNING,
        BatchState.BATCH_STATE_PAUSED,
    }
)


def _rotation(batch: Batch) -> str:
    return ROTATIONS.spoken(batch.rotation) if batch.phone_numbers else ""


def estimate_facts(told: WindowEstimate) -> Facts:
    """The smallest window for so many people."""
    length = told.expected_call_duration.ToTimedelta()
    smallest = span(told.smallest_window.ToTimedelta()) if told.smallest_window.seconds else ""
    facts = [
        ("calls", str(told.call_count)),
        ("begins", moment(told.begin_time)),
        ("smallest window", smallest or "more than three years"),
        ("ends at the earliest", moment(told.earliest_window_end)),
        ("long enough", "yes" if told.fits else "no"),
        ("calls at once", str(told.slots)),
        ("length of a call", f"{span(length)} ({LENGTH_SOURCES.spoken(told.expected_from)})"),
    ]
    return _stated(facts)


def _hours(batch: Batch) -> str:
    zone = batch.time_zone
    if batch.zone_rule == ZoneRule.ZONE_RULE_RECIPIENT_ZONE:
        zone += ", or the number's own"
    if not batch.HasField("calling_hours"):
        return f"at any time ({zone})"
    hours = batch.calling_hours
    return f"{hours.start}-{hours.end} {days_text(hours.days)} ({zone})"


def _zone(call: ScheduledCall) -> str:
    source = ZONE_SOURCES.spoken(call.time_zone_source)
    return f"{call.effective_time_zone} ({source})" if source else call.effective_time_zone


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
        ("values", _values(call.template_context)),
        ("labels", labels(call.metadata)),
        ("carrier's own", _values(call.carrier_params)),
    ]
    return _stated(facts)


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
        ("carrier's own", _values(call.carrier_params)),
    ]
    return _stated(facts)


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


def agent_facts(agent: Agent) -> Facts:
    """One agent in full; what is unset is left out."""
    facts = [
        ("id", agent.agent_id),
        ("name", agent.display_name),
        ("calls at once", str(agent.max_concurrent_calls or "")),
        ("alive", str(agent.active_calls)),
        ("held", "" if agent.active else "it is not active"),
        ("calls from", ", ".join(number.address for number in agent.outbound_numbers)),
        ("prompt", agent.prompt),
        ("first message", agent.first_message),
        ("join URL", agent.join_url_template),
        ("defaults", _json(agent.default_context)),
        ("schema", _json(agent.context_schema)),
        ("labels", labels(agent.metadata)),
        ("created", moment(agent.create_time)),
    ]
    return _stated(facts)


def account_facts(account: Account) -> Facts:
    """One account in full; rules that it has not are left out."""
    rules = account.number_rules
    facts = [
        ("id", account.account_id),
        ("name", account.display_name),
        ("calls at once", str(account.max_concurrent_calls)),
        ("reserved", str(account.reserved_slots)),
        ("alive", str(account.active_calls)),
        ("gap between calls of a number", length(rules.min_gap) if rules.min_gap.seconds else ""),
        ("calls of a number a day", str(rules.max_calls_per_day or "")),
    ]
    return _stated(facts)


def suppression_facts(entry: Suppression) -> Facts:
    """One entry of the do-not-call list; what is unset is left out."""
    facts = [
        ("id", entry.suppression_id),
        ("address", entry.address),
        ("source", entry.source),
        ("reason", entry.reason),
        ("until", moment(entry.expire_time)),
        ("created", moment(entry.create_time)),
    ]
    return _stated(facts)


def _values(struct: Struct) -> str:
    return ", ".join(f"{name}={value}" for name, value in struct.items())


def _json(struct: Struct) -> str:
    return json.dumps(MessageToDict(struct), ensure_ascii=False) if struct.fields else ""


def throttle_rules(throttle: Throttle) -> str:
    """As they are typed."""
    return ", ".join(f"{rule.max_calls}/{rule.window.seconds}" for rule in throttle.rules)


def throttle_facts(throttle: Throttle) -> Facts:
    """One throttle in full."""
    return [
        ("id", throttle.throttle_id),
        ("name", throttle.display_name),
        ("calls/seconds", throttle_rules(throttle)),
        ("created", moment(throttle.create_time)),
    ]


_ANSWER_SHOWN = 60
"""Characters of an answer that fit beside the rest."""


def webhook_events(webhook: Webhook) -> str:
    """As they are typed."""
    return ", ".join(map(EVENT_TYPES.word, webhook.event_types)) or "all"


def answer_in_words(told: WebhookDelivery | SendTestWebhookResponse) -> str:
    """What came of a request, in one line: its status or error, and the first of the answer."""
    first, *_ = told.answer.strip().split("\n")
    return " ".join(filter(None, (told.error or f"HTTP_{told.status_code}", first[:_ANSWER_SHOWN])))


def webhook_facts(webhook: Webhook) -> Facts:
    """One webhook in full; what is unset is left out."""
    facts = [
        ("id", webhook.webhook_id),
        ("url", webhook.url),
        ("events", webhook_events(webhook)),
        ("ends of batches", ", ".join(map(BATCH_STATES.spoken, webhook.batch_end_states))),
        ("agent", webhook.agent_id),
        ("batch", webhook.batch_id),
        ("format", WEBHOOK_FORMATS.spoken(webhook.format)),
        ("description", webhook.description),
        ("held", "" if webhook.active else "it is not active"),
        ("health", WEBHOOK_HEALTHS.spoken(webhook.health)),
        ("failures in a row", str(webhook.consecutive_failures or "")),
        ("the last one", webhook.last_error),
        ("failing since", moment(webhook.failing_since_time)),
        ("old secret signs until", moment(webhook.previous_secret_expire_time)),
        ("created", moment(webhook.create_time)),
    ]
    return [(name, text) for name, text in facts if text]


def number_facts(number: PhoneNumber) -> Facts:
    """One phone number in full; what is unset is left out."""
    facts = [
        ("id", number.phone_number_id),
        ("number", number.address),
        ("name", number.display_name),
        ("held", _hold(number) if number.active else "it is not active"),
        ("good for", ", ".join(map(NUMBER_CAPABILITIES.spoken, number.capabilities))),
        ("agent", number.agent_id),
        ("carrier config", number.carrier_config),
        ("calls at once", str(number.max_concurrent_calls or "")),
        ("alive", str(number.active_calls)),
        ("labels", labels(number.metadata)),
        ("created", moment(number.create_time)),
    ]
    return _stated(facts)


def _hold(of: CarrierConfig | PhoneNumber) -> str:
    """Why it gets no calls, and until when."""
    if not of.held_reason:
        return ""
    until = f" until {moment(of.held_until)}" if of.HasField("held_until") else ""
    failure = f" ({of.last_failure})" if of.last_failure else ""
    return f"{of.held_reason.replace('_', ' ').lower()}{failure}{until}"


def calls_per_second(config: CarrierConfig) -> str:
    """The rate that holds."""
    rate = config.effective_calls_per_second
    default = "" if config.calls_per_second else " (the carrier's)"
    if config.calls_per_second > rate:
        default = f" (of {config.calls_per_second:g}, rising again)"
    return f"{rate:g}{default}" if rate else ""


def carrier_config_facts(config: CarrierConfig) -> Facts:
    """One carrier config in full; what is unset is left out."""
    facts = [
        ("id", config.carrier_config_id),
        ("name", config.display_name),
        ("carrier", config.carrier),
        ("held", _hold(config)),
        ("calls at once", str(config.max_concurrent_calls or "")),
        ("calls a second", calls_per_second(config)),
        ("alive", str(config.active_calls)),
        *_credentials_facts(config),
        ("labels", labels(config.metadata)),
        ("created", moment(config.create_time)),
    ]
    return _stated(facts)


def _credentials_facts(config: CarrierConfig) -> Facts:
    """What is shown of them; of secrets how they begin."""
    kind = config.WhichOneof("credentials")
    if kind is None:
        return []
    shown = getattr(config, kind).ListFields()
    return [(_words(field.name), _shown(field.name, value)) for field, value in shown]


def _words(name: str) -> str:
    return name.removesuffix("_hint").replace("_", " ")


def _shown(name: str, value: str | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value}..." if name.endswith("_hint") else value


def _stated(facts: Facts) -> Facts:
    return [(name, text) for name, text in facts if text]
