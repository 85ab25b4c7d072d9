"""Which addresses a batch has, read in parts, so that no read holds its connection for long.
No index serves this: it would cost each row more than lists for a batch that is there."""

from collections.abc import Collection, Mapping

from outdial_server.domain.call import CallState
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text
from outdial_server.storage.tx import Tx

_ADDRESS = "coalesce(s.normalized_address, s.address)"

_STAYS = (
    "AND s.due_us IS NULL AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.key = s.call_key "
    f"AND s.final_state IS NULL AND c.state = {int(CallState.CLAIMED)}) "
)
"""Who is over or in a call. A claim that was not sent yet may be taken back."""


def first_positions(
    tx: Tx, batch_key: int, positions: range, addresses: Collection[str], *, but_waiting: bool
) -> Mapping[str, int]:
    """Where these addresses are first, among the rows at `positions`; `but_waiting` passes over
    whoever waits."""
    rows = tx.all(
        f"SELECT {_ADDRESS} AS address, MIN(s.position) AS position "
        "FROM scheduled_calls s WHERE s.batch_key = :batch AND s.position >= :start "
        f"AND s.position < :stop {_STAYS if but_waiting else ''}"
        f"AND {_ADDRESS} IN (SELECT r.address FROM "
        f"{tx.dialect.rows('rows', (('address', Kind.TEXT),))} AS r) GROUP BY 1",
        batch=batch_key,
        start=positions.start,
        stop=positions.stop,
        rows=json_text([[address] for address in addresses]),
    )
    return {row.address: row.position for row in rows}


def all_positions(
    tx: Tx, batch_key: int, positions: range, *, but_waiting: bool
) -> Mapping[str, int]:
    """The first position of each address among the rows at `positions`; see above."""
    rows = tx.all(
        f"SELECT {_ADDRESS} AS address, s.position FROM scheduled_calls s "
        "WHERE s.batch_key = :batch AND s.position >= :start AND s.position < :stop "
        f"{_STAYS if but_waiting else ''}ORDER BY s.position DESC",
        batch=batch_key,
        start=positions.start,
        stop=positions.stop,
    )
    # The last one said wins: by falling position that is the first.
    return {row.address: row.position for row in rows}
