"""Daily caps: dials let go on one local date of a batch's zone, kept in its row and counted
at SENDING. A call that was not sent gives its count back."""

from collections import Counter
from collections.abc import Mapping, Sequence

from outdial_server.domain.daily_cap import dialled_on
from outdial_server.domain.time_zones import local_day
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, moment
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.counting import BatchMoves

_KEY = (("key", Kind.INT),)


def dials_left(tx: Tx, batches: Sequence[int]) -> Mapping[int, int]:
    """Of the batches with a cap, how many more may go today. All of the group are locked, in
    the order in which their counts are moved: whoever comes behind sees what goes now."""
    keys = tx.dialect.rows("rows", _KEY)
    rows = tx.all(
        "SELECT b.key, b.time_zone, b.max_calls_per_day, b.dial_day, b.dials_on_day "
        f"FROM batches b WHERE b.key IN (SELECT r.key FROM {keys} AS r) "
        f"ORDER BY b.key {tx.dialect.for_update('b')}",
        rows=json_text([[key] for key in sorted(batches)]),
    )
    return {
        row.key: row.max_calls_per_day - dialled_on(_today(tx, row), row.dial_day, row.dials_on_day)
        for row in rows
        if row.max_calls_per_day is not None
    }


def within_caps(tx: Tx, rows: Sequence[Row]) -> list[Row]:
    """As many calls of each batch as it may still let go today."""
    left = Counter(dials_left(tx, list({row.batch_key for row in rows})))
    within: list[Row] = []
    for row in rows:
        if row.batch_key in left:
            left[row.batch_key] -= 1
        if left[row.batch_key] >= 0:
            within.append(row)
    return within


def note_not_sent(tx: Tx, moves: BatchMoves, call: Row) -> None:
    """Of another day than today nothing is counted any more."""
    if call.max_calls_per_day is None or call.sent_us is None:
        return
    if local_day(call.time_zone, moment(call.sent_us)).toordinal() == _today(tx, call):
        moves.count_dials(call.batch_key, -1)


def _today(tx: Tx, row: Row) -> int:
    return local_day(row.time_zone, tx.now).toordinal()
