"""The texts of an agent, parsed: what they need of a context, and what they are with one."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from outdial_server.domain.agent import AgentFields
from outdial_server.domain.call import CallTexts
from outdial_server.domain.errors import FieldViolation
from outdial_server.domain.limits import (
    RENDERED_TEXT_MAX_CHARS,
    RENDERED_URL_MAX_CHARS,
    TEMPLATE_CONTEXT_MAX_BYTES,
)
from outdial_server.domain.template import Context, Path, Template, find, merged, parse_template

CALL_ID: Final[Path] = ("call_id",)
"""Ours: no context need have it, and none can change it."""

_ENCODED_CHARS_MOST: Final = 12
"""A character of four bytes, percent-encoded."""


@dataclass(frozen=True, slots=True)
class AgentTexts:
    prompt: Template
    first_message: Template
    join_url: Template
    defaults: Context
    # Given values of so many characters, as JSON, make no text longer than is stored.
    safe_chars: int

    def named(self) -> tuple[tuple[str, Template], ...]:
        """Under the names of the agent's fields."""
        return (
            ("prompt", self.prompt),
            ("first_message", self.first_message),
            ("join_url_template", self.join_url),
        )

    def context(self, given: Context) -> Context:
        return merged(self.defaults, given)


def parse_texts(agent: AgentFields) -> AgentTexts:
    """Of fields that were checked."""
    prompt, first_message = parse_template(agent.prompt), parse_template(agent.first_message)
    join_url = parse_template(agent.join_url_template)
    safe_chars = min(
        _safe_chars(prompt, RENDERED_TEXT_MAX_CHARS),
        _safe_chars(first_message, RENDERED_TEXT_MAX_CHARS),
        _safe_chars(join_url, RENDERED_URL_MAX_CHARS // _ENCODED_CHARS_MOST),
    )
    return AgentTexts(
        prompt,
        first_message,
        join_url,
        json.loads(agent.default_context_json or "{}"),
        safe_chars - len(agent.default_context_json),
    )


def _safe_chars(template: Template, most: int) -> int:
    """No value is longer than all of them are as JSON."""
    if not template.paths:
        return TEMPLATE_CONTEXT_MAX_BYTES
    return (most - sum(map(len, template.literals))) // len(template.paths)


def variables(texts: AgentTexts) -> Sequence[tuple[Path, str]]:
    """What the texts need of a context, each once, with the first field that needs it."""
    needed: dict[Path, str] = {}
    for name, template in texts.named():
        for path in template.paths:
            if path != CALL_ID:
                needed.setdefault(path, name)
    return tuple(needed.items())


def missing(needed: Sequence[tuple[Path, str]], context: Context) -> Sequence[FieldViolation]:
    """Variables without a value; an empty text is one."""
    return [
        FieldViolation(".".join(path), f"is required by the agent's {name}")
        for path, name in needed
        if find(context, path) is None
    ]


def too_long(texts: AgentTexts, context: Context) -> Iterator[FieldViolation]:
    """Texts that a context makes longer than what is stored; to be asked only of one that has
    more than `safe_chars`."""
    for name, template in texts.named():
        is_url = template is texts.join_url
        most = RENDERED_URL_MAX_CHARS if is_url else RENDERED_TEXT_MAX_CHARS
        if len(template.render(context, encoded if is_url else str)) > most:
            yield FieldViolation("", f"makes the agent's {name} longer than {most} characters")


def render(texts: AgentTexts, call_id: str, given: Context) -> CallTexts:
    """Rows are checked when they are added, but the agent may have changed since: what is too
    long then is cut, and of a URL nothing is left, since half of one leads nowhere."""
    context = {**texts.context(given), "call_id": call_id}
    url = texts.join_url.render(context, encoded)
    return CallTexts(
        texts.prompt.render(context)[:RENDERED_TEXT_MAX_CHARS],
        texts.first_message.render(context)[:RENDERED_TEXT_MAX_CHARS],
        url if len(url) <= RENDERED_URL_MAX_CHARS else "",
    )


def encoded(value: str) -> str:
    """For a place in a URL: nothing in it can end the part of the URL that it is in."""
    return quote(value, safe="")
