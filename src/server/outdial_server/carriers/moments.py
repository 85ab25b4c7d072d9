"""Moments as carriers write them."""

from datetime import UTC, datetime


def moment_in(text: object) -> datetime | None:
    """Of ISO 8601, in UTC where it names no zone; None for no text at all. Raises ValueError
    for any other."""
    if not isinstance(text, str):
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
