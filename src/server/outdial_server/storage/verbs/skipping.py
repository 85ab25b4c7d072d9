"""Rows that a rule holds back for good, ended as SKIPPED in the claim that met them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from outdial_server.domain.claims import Candidate
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.counting import BatchMoves, apply_moves, finish_done
from outdial_server.storage.verbs.ending import SELECT_WAITING, record_ends, write_ends

_KEY: Final = (("key", Kind.INT),)


class Skips:
    """The rows end at once, so that those behind them come up; their counts and events are
    written last, for batch rows are the last lock of a transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._moves = BatchMoves()

    def end(self, batch_key: int, skipped: Iterable[tuple[Candidate, str]]) -> None:
        """Rows that are locked, each with the reason of the gate that blocks it."""
        for reason, keys in _by_reason(skipped).items():
            rows = self._tx.all(
                f"{SELECT_WAITING}WHERE s.key IN "
                f"(SELECT r.key FROM {self._tx.dialect.rows('rows', _KEY)} AS r) "
                "ORDER BY s.position",
                rows=json_text([[key] for key in keys]),
            )
            write_ends(self._tx, rows, ScheduledCallState.SKIPPED, reason)
            record_ends(
                self._moves, batch_key, rows, ScheduledCallState.SKIPPED, reason, "SCHEDULER"
            )

    def record(self) -> None:
        finish_done(self._tx, apply_moves(self._tx, self._moves))


def _by_reason(skipped: Iterable[tuple[Candidate, str]]) -> Mapping[str, list[int]]:
    keys: defaultdict[str, list[int]] = defaultdict(list)
    for candidate, reason in skipped:
        keys[reason].append(candidate.key)
    return keys
