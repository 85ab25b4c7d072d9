"""Checks of what a client writes of an agent."""

import re
from typing import Final

from outdial_server.domain import limits
from outdial_server.domain.agent import AgentFields
from outdial_server.domain.checks import Checks
from outdial_server.domain.template import Template, TemplateError, parse_template

_FIXED_HOST: Final = re.compile(r"(?:https|wss)://[\w.-]+(?::\d{1,5})?(?:[/?#]|\Z)", re.IGNORECASE)
_SIP: Final = re.compile(r"sip:", re.IGNORECASE)
# Behind the one @: a whole host, then parameters or nothing.
_FIXED_SIP_HOST: Final = re.compile(r"[^@]*@[\w.-]+(?::\d{1,5})?(?:;[^@]*)?")
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
    if not _has_fixed_host(url):
        checks.fault(
            "join_url_template",
            "must begin with https:// or wss:// and a host without variables, or be a SIP URI "
            "with variables before its @ alone, like sip:{{call_id}}@voice.example.net",
        )
    elif any(_UNFIT_FOR_URL.search(literal) for literal in url.literals):
        checks.fault(
            "join_url_template", "must not contain blanks or other characters unfit for URLs"
        )


def _has_fixed_host(url: Template) -> bool:
    if _SIP.match(url.literals[0]):
        # Values are escaped, so a variable brings no @ of its own.
        *users, host = url.literals
        return not any("@" in part for part in users) and bool(_FIXED_SIP_HOST.fullmatch(host))
    found = _FIXED_HOST.match(url.literals[0])
    return found is not None and (not url.paths or found[0][-1] in "/?#")
