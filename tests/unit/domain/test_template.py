"""Texts with places for values: substitution, and nothing else."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain import limits
from outdial_server.domain.template import (
    TemplateError,
    find,
    merged,
    parse_template,
    text_of,
)

NAMES = st.from_regex(r"[\w-]{1,8}", fullmatch=True)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)
BLANKS = st.sampled_from(("", " ", "\n\t "))
WITHOUT_PLACES = st.text(alphabet="ab}{ {%#$\\\n").filter(lambda text: "{{" not in text)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
CONTEXTS = st.dictionaries(NAMES, JSON, max_size=4)


def rendered(text: str, **context: Any) -> str:
    return parse_template(text).render(context)


@given(WITHOUT_PLACES)
def test_a_text_without_places_is_itself(text: str) -> None:
    assert parse_template(text).render({"a": 1}) == text


@given(st.lists(st.tuples(WITHOUT_PLACES, PATHS, BLANKS), max_size=5), WITHOUT_PLACES, CONTEXTS)
def test_each_place_becomes_its_value_and_the_rest_stays(
    places: list[tuple[str, tuple[str, ...], str]], end: str, context: dict[str, Any]
) -> None:
    text = expected = ""
    for before, path, blanks in places:
        # A brace beside a place would be part of its braces.
        literal = before.rstrip("{")
        text += f"{literal}{{{{{blanks}{'.'.join(path)}{blanks}}}}}"
        expected += literal + text_of(find(context, path))
    template = parse_template(text + end)
    assert template.render(context) == expected + end
    assert list(template.paths) == [path for _, path, _ in places]


@given(st.text())
def test_a_value_is_never_looked_at_again(value: str) -> None:
    """Whatever it holds: places, code, or the end of a place."""
    assert rendered("<{{a}}{{b}}>", a=value, b="{{a}}", c=1) == f"<{value}{{{{a}}}}>"


@given(st.text(alphabet="ab.{} -"))
def test_every_text_is_a_template_or_is_named_as_none(text: str) -> None:
    try:
        template = parse_template(text)
    except TemplateError:
        assert "{{" in text
    else:
        assert len(template.paths) == len(re.findall(r"\{\{[^{}]*\}\}", text))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("Hello {{name", "without }} at character 7"),
        ("{{}}", "at character 1"),
        ("{{ first name }}", "{{first name}} at character 1"),
        ("{{{name}}}", "{{{name}} at character 1"),
        ("{{a..b}}", "at character 1"),
        ("{{ 1 + 1 }}", "at character 1"),
        ("{{a|upper}}", "at character 1"),
        ("{{#each a}}", "at character 1"),
        ("{{a()}}", "at character 1"),
        ("{{a[0]}}", "at character 1"),
        ("{{" + "a" * 500 + "}}", "at character 1"),
        ("{{a}}" * (limits.TEMPLATE_PLACES_MAX + 1), "must not have more than"),
    ],
)
def test_what_is_no_name_is_named_as_a_fault(text: str, where: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(where)) as refusal:
        parse_template(text)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Zoë", "Zoë"),
        (3, "3"),
        (2.5, "2.5"),
        (True, "true"),
        (None, ""),
        ([1, "ü"], '[1,"ü"]'),
        ({"a": {"b": 1}}, '{"a":{"b":1}}'),
    ],
)
def test_values_are_written_as_json_has_them(value: Any, text: str) -> None:
    assert rendered("{{a}}", a=value) == text


def test_what_is_not_there_is_left_out() -> None:
    assert rendered("<{{a}}{{b.c}}{{b.c.d}}{{ e.__class__ }}>", b={"c": "x"}, e="") == "<x>"


@given(CONTEXTS, CONTEXTS)
def test_what_is_given_wins_and_defaults_fill_the_gaps(
    defaults: dict[str, Any], given: dict[str, Any]
) -> None:
    before = json.dumps([defaults, given])
    together = merged(defaults, given)
    assert set(together) == {*defaults, *given}
    for name, value in together.items():
        if isinstance(defaults.get(name), dict) and isinstance(given.get(name), dict):
            assert value == merged(defaults[name], given[name])
        elif given.get(name) is not None:
            assert value == given[name]
        else:
            assert value == defaults.get(name)
    assert json.dumps([defaults, given]) == before, "neither is changed"
