"""One resource in full: a fact a line, what is unset left out."""

import json
from collections.abc import Sequence

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from outdial.v1.account_pb2 import Account
from outdial.v1.agent_pb2 import Agent
from outdial.v1.suppression_pb2 import Suppression
from outdial.v1.throttle_pb2 import Throttle

from outdial_client.cli._lengths import length
from outdial_client.cli._words import labels, moment

Facts = Sequence[tuple[str, str]]


def stated(facts: Facts) -> Facts:
    """Without what is unset."""
    return [(name, text) for name, text in facts if text]


def values(struct: Struct) -> str:
    """What is in it, on one line."""
    return ", ".join(f"{name}={value}" for name, value in struct.items())


def struct_json(struct: Struct) -> str:
    """As JSON; empty for nothing."""
    return json.dumps(MessageToDict(struct), ensure_ascii=False) if struct.fields else ""


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
        ("defaults", struct_json(agent.default_context)),
        ("schema", struct_json(agent.context_schema)),
        ("labels", labels(agent.metadata)),
        ("created", moment(agent.create_time)),
    ]
    return stated(facts)


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
    return stated(facts)


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
    return stated(facts)


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
