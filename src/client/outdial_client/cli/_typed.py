"""Values as they are typed on the command line."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from outdial_client._calling_hours import days_text
from outdial_client._calling_hours import parse_days as days_of


def parse_moment(text: str) -> datetime:
    """An ISO moment; without an offset it is local time."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        message = f"{text!r} is no ISO moment such as 2027-03-01T09:00 or 2027-03-01T09:00+01:00"
        raise typer.BadParameter(message) from None


def parse_hours(text: str) -> str:
    """`09:00-17:30`; the server says which times there are."""
    start, dash, end = (part.strip() for part in text.partition("-"))
    if not (start and dash and end):
        raise typer.BadParameter(f"{text!r} is not of the form 09:00-17:30")
    return f"{start}-{end}"


def parse_days(text: str) -> str:
    """`mon-fri,sun`."""
    try:
        return days_text(days_of(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


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


def parse_text(text: str) -> str:
    """The text itself, or with `@` before a path what is in that file."""
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise typer.BadParameter(f"{text[1:]!r} cannot be read: {reason}") from None


def parse_secret(text: str) -> str:
    """As `parse_text`, without the line break that editors put at the end of a file."""
    return parse_text(text).removesuffix("\n")


def parse_object(text: str) -> dict[str, Any]:
    """A JSON object, as `parse_text` has it."""
    try:
        value = json.loads(parse_text(text))
    except ValueError as error:
        raise typer.BadParameter(f"is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise typer.BadParameter("is no JSON object")
    return value


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
