"""Which addresses a batch has, read in parts, so that no read holds its connection for long.
No index serves this: it would cost each row more than lists for a batch that is there."""

from collections.abc import Collection, Mapping

from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text
from outdial_server.storage.tx import Tx

_ADDRESS = "coalesce(s.normalized_address, s.address)"


def first_positions(
    tx: Tx, batch_key: int, positions: range, addresses: Collection[str]
) -> Mapping[str, int]:
    """Where these addresses are first, among the rows at `positions`."""
    rows = tx.all(
        f"SELECT {_ADDRESS} AS address, MIN(s.position) AS position "
        "FROM scheduled_calls s WHERE s.batch_key = :batch AND s.position >= :start "
        f"AND s.position < :stop AND {_ADDRESS} IN (SELECT r.address FROM "
        f"{tx.dialect.rows('rows', (('address', Kind.TEXT),))} AS r) GROUP BY 1",
        batch=batch_key,
        start=positions.start,
        stop=positions.stop,
        rows=json_text([[address] for address in addresses]),
    )
    return {row.address: row.position for row in rows}


def all_positions(tx: Tx, batch_key: int, positions: range) -> Mapping[str, int]:
    """The first position of each address among the rows at `positions`."""
    rows = tx.all(
        f"SELECT {_ADDRESS} AS address, s.position FROM scheduled_calls s "
        "WHERE s.batch_key = :batch AND s.position >= :start AND s.position < :stop "
        "ORDER BY s.position DESC",
        batch=batch_key,
        start=positions.start,
        stop=positions.stop,
    )
    # The last one said wins: by falling position that is the first.
    return {row.address: row.position for row in rows}
