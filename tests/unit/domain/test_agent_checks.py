"""Faults of what a client writes of an agent."""

from typing import Any

import pytest

from outdial_server.domain import limits
from outdial_server.domain.agent import AgentFields
from outdial_server.domain.agent_checks import check_agent
from outdial_server.domain.checks import Checks


def faults(**fields: Any) -> list[tuple[str, str]]:
    checks = Checks("agent.")
    check_agent(checks, AgentFields("Ada", **fields))
    return [(violation.field, violation.description) for violation in checks.violations]


@pytest.mark.parametrize(
    "url",
    [
        "https://media.example.com",
        "https://media.example.com/join/{{call_id}}?name={{ customer.first_name }}#{{x}}",
        "WSS://10.0.0.7:8443/{{call_id}}",
        "sip:agent@voice.example.net",
        "sip:{{ customer.first_name }}-{{call_id}}@voice.example.net:5070;user=agent",
        "",
    ],
)
def test_urls_with_a_fixed_host_are_taken(url: str) -> None:
    assert faults(join_url_template=url) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://media.example.com/{{call_id}}",
        "ws://media.example.com",
        "media.example.com",
        "https://{{host}}/x",
        "https://media{{suffix}}/x",
        "https://media.example.com{{x}}",
        "https://media.example.com:{{port}}/",
        "https://user@media.example.com/",
        "https:///x",
        "javascript:alert(1)",
        "sip:voice.example.net",
        "sip:{{call_id}}@{{host}}",
        "sip:{{call_id}}@voice{{suffix}}.example.net",
        "sip:agent@voice.example.net;x={{call_id}}",
        "sip:agent@voice.example.net:{{port}}",
        "sip:{{call_id}}@evil.example@voice.example.net",
        "sip:a b@voice.example.net",
        "sips:agent@voice.example.net",
        "https://media.example.com/a b",
        "https://media.example.com/\r\nx: y",
    ],
)
def test_others_are_refused(url: str) -> None:
    assert [field for field, _ in faults(join_url_template=url)] == ["agent.join_url_template"]


def test_each_text_has_its_limit_and_its_grammar() -> None:
    assert faults(
        prompt="x" * (limits.PROMPT_MAX_CHARS + 1),
        first_message="Hello {{name",
        join_url_template="https://a.example/" + "x" * limits.JOIN_URL_TEMPLATE_MAX_CHARS,
        default_context_json='{"a":"' + "x" * limits.TEMPLATE_CONTEXT_MAX_BYTES + '"}',
    ) == [
        ("agent.prompt", "must not be longer than 32768 characters"),
        ("agent.first_message", "has {{ without }} at character 7"),
        ("agent.join_url_template", "must not be longer than 2048 characters"),
        ("agent.default_context", "must not be larger than 64 KiB as JSON"),
    ]
    assert [field for field, _ in faults(prompt="a\0", default_context_json='{"a":"\\u0000"}')] == [
        "agent.prompt",
        "agent.default_context",
    ]
