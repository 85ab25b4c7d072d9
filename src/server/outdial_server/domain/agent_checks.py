"""Checks of what a client writes of an agent."""

import re
from typing import Final

from outdial_server.domain import limits
from outdial_server.domain.agent import AgentFields
from outdial_server.domain.checks import Checks
from outdial_server.domain.template import Template, TemplateError, parse_template

_FIXED_HOST: Final = re.compile(r"(?:https|wss)://[\w.-]+(?::\d{1,5})?(?:[/?#]|\Z)", re.IGNORECASE)
_UNFIT_FOR_URL: Final = re.compile(r"[\s\x00-\x20\x7f\"<>\\^`|]")


def check_agent(checks: Checks, agent: AgentFields) -> None:
    checks.text("display_name", agent.display_name, limits.AGENT_NAME_MAX_CHARS, least=1)
    checks.number(
        "max_concurrent_calls", agent.max_concurrent_calls, 1, limits.CONCURRENT_CALLS_MAX
    )
    checks.metadata("metadata", agent.metadata)
    _template(checks, "prompt", agent.prompt, limits.PROMPT_MAX_CHARS)
    _template(checks, "first_message", agent.first_message, limits.FIRST_MESSAGE_MAX_CHARS)
    url = _template(
        checks, "join_url_template", agent.join_url_template, limits.JOIN_URL_TEMPLATE_MAX_CHARS
    )
    if url:
        _join_url(checks, url)
    checks.json_object(
        "default_context", agent.default_context_json, limits.TEMPLATE_CONTEXT_MAX_BYTES
    )


def _template(checks: Checks, name: str, text: str, most: int) -> Template | None:
    """None for a text with a fault."""
    before = len(checks.violations)
    checks.text(name, text, most)
    if len(checks.violations) > before:
        return None
    try:
        return parse_template(text)
    except TemplateError as error:
        checks.fault(name, str(error))
        return None


def _join_url(checks: Checks, url: Template) -> None:
    """Where a call is joined is the agent's alone: no value of a row can change the host."""
    host = _FIXED_HOST.match(url.literals[0])
    if host is None or (url.paths and host[0][-1] not in "/?#"):
        checks.fault(
            "join_url_template",
            "must begin with https:// or wss:// and a host without variables",
        )
    elif any(_UNFIT_FOR_URL.search(literal) for literal in url.literals):
        checks.fault(
            "join_url_template", "must not contain blanks or other characters unfit for URLs"
        )
