"""Ids are told as the core has them, and are taken with the prefixes of the newer documents."""

import re
from typing import Final

from outdial_server.gateway.written_ids import note_id

_PREFIX: Final = re.compile(r"\A(?:batch|camp|agt|agent|num|ctc|cnt|contact|folder|call)_")


def core_id(text: str) -> str:
    """Whatever it is: what is no id of ours is the id of nothing."""
    return note_id(_PREFIX.sub("", text, count=1), text)
