"""Verbs that erase so much that it takes several transactions."""

from collections.abc import Callable
from typing import Final

from outdial_server.storage.database import Database
from outdial_server.storage.tx import Tx

ERASE_ROWS: Final = 500
"""In one transaction: about 5 ms of the writer."""


async def erase_in_groups(database: Database, erase_some: Callable[[Tx], int]) -> int:
    """Repeats a verb that erases up to `ERASE_ROWS`, until there are fewer; returns how many
    there were."""
    erased = 0
    while True:
        just_now = await database.write(erase_some)
        erased += just_now
        if just_now < ERASE_ROWS:
            return erased
