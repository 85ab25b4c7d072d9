"""Ids between their form and ours."""

from typing import Final

from outdial_server.gateway.written_ids import note_id
from outdial_server.webhooks.speechify_ids import speechify_id, uuid_from

NOBODY: Final = "00000000-0000-0000-0000-000000000000"
"""An id that nothing has: what is no id of theirs is asked for under it, and is not found."""


def shown_id(prefix: str, id_: str) -> str | None:
    """None where there is no id."""
    return speechify_id(prefix, id_) if id_ else None


def known_id(prefix: str, text: str) -> str:
    return note_id(uuid_from(prefix, text) or NOBODY, text)
