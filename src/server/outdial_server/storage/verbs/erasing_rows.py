"""People of batches that are over: found, blanked and erased in groups."""

from collections.abc import Sequence
from typing import Final

from outdial_server.domain.call import CallState
from outdial_server.ports.retention import Erased
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx

_SLICE_ROWS: Final = 50
_GROUP_CHARS: Final = 512 * 1024
"""A large payload lies on pages of its own, and each of them is read to be freed."""

_KEYS: Final = (("key", Kind.INT),)


def next_rows(tx: Tx, batch_key: int, start: int, end: int, limit: int) -> Sequence[Row]:
    """The next people of a batch, locked; fewer when their payloads are large."""
    rows: list[Row] = []
    chars = 0
    while len(rows) < limit and chars < _GROUP_CHARS:
        most = min(_SLICE_ROWS, limit - len(rows))
        piece = tx.all(
            "SELECT s.key, s.position, coalesce(length(s.context_json), 0) + "
            "coalesce(length(s.annotations_json), 0) + "
            "coalesce(length(s.carrier_params_json), 0) + coalesce(("
            "SELECT sum(coalesce(length(t.prompt) + length(t.first_message), 0) + "
            "coalesce(length(v.conversation_json), 0)) FROM calls c "
            "LEFT JOIN call_texts t ON t.call_key = c.key "
            "LEFT JOIN conversations v ON v.call_key = c.key "
            "WHERE c.scheduled_key = s.key), 0) AS chars "
            "FROM scheduled_calls s WHERE s.batch_key = :batch AND s.position >= :start "
            f"AND s.position < :end ORDER BY s.position LIMIT :most {tx.dialect.for_update('s')}",
            batch=batch_key,
            start=rows[-1].position + 1 if rows else start,
            end=end,
            most=most,
        )
        rows += piece
        chars += sum(row.chars for row in piece)
        if len(piece) < most:
            break
    return rows


def _in_rows(tx: Tx) -> str:
    return f"IN (SELECT r.key FROM {tx.dialect.rows('rows', _KEYS)} AS r)"


def _json_keys(rows: Sequence[Row]) -> str:
    return json_text([[row.key] for row in rows])


def called(tx: Tx, rows: Sequence[Row]) -> set[int]:
    """Those for whom a request may have left, and those of direct calls, which are shown from
    their making on."""
    found = tx.all(
        f"SELECT DISTINCT c.scheduled_key FROM calls c WHERE c.scheduled_key {_in_rows(tx)} "
        f"AND (c.state <> {int(CallState.CLAIMED)} OR c.is_direct = 1)",
        rows=_json_keys(rows),
    )
    return {row.scheduled_key for row in found}


def blank(tx: Tx, rows: Sequence[Row]) -> int:
    """Texts of their calls hold what the payloads held, and go with them, and so does what
    was said."""
    if not rows:
        return 0
    keys = _json_keys(rows)
    _erase_texts(tx, keys)
    return tx.run(
        "UPDATE scheduled_calls SET context_json = NULL, metadata_json = NULL, "
        "annotations_json = NULL, carrier_params_json = NULL "
        f"WHERE key {_in_rows(tx)} AND (context_json IS NOT NULL OR metadata_json IS NOT NULL "
        "OR annotations_json IS NOT NULL OR carrier_params_json IS NOT NULL)",
        rows=keys,
    )


def unname(tx: Tx, rows: Sequence[Row]) -> int:
    """The rows stay, since they count in their batches, and nothing in them says whose they
    were."""
    return tx.run(
        "UPDATE scheduled_calls SET address = '', normalized_address = NULL, custom_id = NULL, "
        "contact_id = NULL, contact_folder_id = NULL, time_zone = NULL, number_zone = NULL "
        f"WHERE key {_in_rows(tx)}",
        rows=_json_keys(rows),
    )


TEXTS_OF_CALLS: Final = ("call_texts", "conversations")
"""Tables of what calls were made with, and of what was said in them."""


def _erase_texts(tx: Tx, keys: str) -> None:
    for table in TEXTS_OF_CALLS:
        tx.run(
            f"DELETE FROM {table} WHERE call_key IN (SELECT c.key FROM calls c "
            f"WHERE c.scheduled_key {_in_rows(tx)})",
            rows=keys,
        )


def erase_rows(tx: Tx, rows: Sequence[Row]) -> Erased:
    """People, each with all of his or her calls."""
    if not rows:
        return Erased()
    keys = _json_keys(rows)
    _erase_texts(tx, keys)
    calls = tx.run(f"DELETE FROM calls WHERE scheduled_key {_in_rows(tx)}", rows=keys)
    erased = tx.run(f"DELETE FROM scheduled_calls WHERE key {_in_rows(tx)}", rows=keys)
    return Erased(calls=calls, rows=erased)
