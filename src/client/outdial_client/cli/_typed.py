"""Values as they are typed on the command line."""

import json
from datetime import UTC, datetime
from typing import Any

import typer


def parse_moment(text: str) -> datetime:
    """An ISO moment; without an offset it is local time."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        message = f"{text!r} is no ISO moment such as 2027-03-01T09:00 or 2027-03-01T09:00+01:00"
        raise typer.BadParameter(message) from None


def parse_pairs(words: list[str] | None) -> dict[str, str]:
    """`name=text` words."""
    pairs: dict[str, str] = {}
    for word in words or ():
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"{word!r} is not of the form name=value")
        pairs[name] = value
    return pairs


def parse_context(words: list[str] | None) -> dict[str, Any]:
    """`name=value` words for templates; a value that is JSON is taken as such."""
    return {name: _json_or_text(text) for name, text in parse_pairs(words).items()}


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
