"""What the texts of an agent need of a context."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.agent import AgentFields
from outdial_server.domain.agent_texts import encoded, missing, parse_texts, too_long, variables
from outdial_server.domain.limits import RENDERED_TEXT_MAX_CHARS, RENDERED_URL_MAX_CHARS

AGENT = AgentFields(
    "Ada",
    prompt="{{customer.first_name}} {{plan}} {{call_id}} {{customer.first_name}}",
    first_message="{{plan}} {{greeting}}",
    join_url_template="https://media.example/{{call_id}}?p={{token}}",
    default_context_json='{"greeting":"Hello","customer":{"title":"Dr"}}',
)


def test_each_variable_is_needed_once_and_the_call_id_never() -> None:
    assert variables(parse_texts(AGENT)) == (
        (("customer", "first_name"), "prompt"),
        (("plan",), "prompt"),
        (("greeting",), "first_message"),
        (("token",), "join_url_template"),
    )


@pytest.mark.parametrize(
    ("given_json", "fields"),
    [
        ("{}", ["customer.first_name", "plan", "token"]),
        ('{"customer":{"first_name":""},"plan":0,"token":false}', []),
        ('{"customer":{"first_name":null},"plan":[],"token":"t"}', ["customer.first_name"]),
        ('{"customer":"Ada","plan":1,"token":1,"greeting":null}', ["customer.first_name"]),
    ],
)
def test_what_has_neither_value_nor_default_is_missing(given_json: str, fields: list[str]) -> None:
    texts = parse_texts(AGENT)
    context = texts.context(json.loads(given_json))
    assert [fault.field for fault in missing(variables(texts), context)] == fields


def test_the_field_that_needs_it_is_named() -> None:
    texts = parse_texts(AGENT)
    first, *_, last = missing(variables(texts), {})
    assert first.description == "is required by the agent's prompt"
    assert last.description == "is required by the agent's join_url_template"


@given(
    st.integers(0, 20),
    st.integers(RENDERED_URL_MAX_CHARS // 12 - 40, RENDERED_URL_MAX_CHARS // 12 + 40)
    | st.integers(RENDERED_TEXT_MAX_CHARS // 20 - 40, RENDERED_TEXT_MAX_CHARS // 20 + 40),
    st.sampled_from(("a", "é", "\U0001f600")),
)
def test_too_long_is_what_would_be_longer_than_what_is_stored(
    places: int, chars: int, letter: str
) -> None:
    url = "https://media.example/{{a}}"
    texts = parse_texts(AgentFields("Ada", prompt="{{a}}" * places, join_url_template=url))
    value = letter * chars
    context = {"a": value}
    given_json = json.dumps(context, ensure_ascii=False, separators=(",", ":"))
    named = [fault.description.split()[3] for fault in too_long(texts, context)]
    assert not named or len(given_json) > texts.safe_chars
    url_chars = len(url) - len("{{a}}") + len(encoded(value))
    assert named == ["prompt"] * (places * chars > RENDERED_TEXT_MAX_CHARS) + [
        "join_url_template"
    ] * (url_chars > RENDERED_URL_MAX_CHARS)


@given(st.text(st.characters(codec="utf-8")))
def test_a_value_cannot_leave_its_place_in_a_url(value: str) -> None:
    texts = parse_texts(AgentFields("Ada", join_url_template="https://media.example/j?a={{a}}&b=1"))
    url = urlsplit(texts.join_url.render({"a": value}, encoded))
    assert (url.netloc, url.path, url.fragment) == ("media.example", "/j", "")
    assert parse_qs(url.query, keep_blank_values=True) == {"a": [value], "b": ["1"]}
