"""Rows that a rule holds back for good, ended in the claim that met them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from outdial_server.domain.call import Disposition
from outdial_server.domain.claims import Candidate
from outdial_server.domain.retry_policy import NO_ATTEMPT_LEFT
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.transition import final_state
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text
from outdial_server.storage.statements import Row
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
            for state, of_state in self._by_state(reason, rows).items():
                write_ends(self._tx, of_state, state, reason)
                record_ends(self._moves, batch_key, of_state, state, reason, "SCHEDULER")

    def _by_state(
        self, reason: str, rows: Sequence[Row]
    ) -> Mapping[ScheduledCallState, Sequence[Row]]:
        """SKIPPED, but who was tried and has no try left ends as what came of the last one."""
        if reason != NO_ATTEMPT_LEFT:
            return {ScheduledCallState.SKIPPED: rows}
        # Of the call itself: the row forgets it when the next one was not sent.
        last_tries = self._tx.all(
            "SELECT s.key, c.disposition FROM scheduled_calls s JOIN calls c "
            "ON c.scheduled_key = s.key AND c.attempt = s.attempts "
            f"WHERE s.key IN (SELECT r.key FROM {self._tx.dialect.rows('rows', _KEY)} AS r)",
            rows=json_text([[row.key] for row in rows]),
        )
        state_of = {row.key: final_state(Disposition(row.disposition)) for row in last_tries}
        by_state: defaultdict[ScheduledCallState, list[Row]] = defaultdict(list)
        for row in rows:
            by_state[state_of[row.key]].append(row)
        return by_state

    def record(self) -> None:
        finish_done(self._tx, apply_moves(self._tx, self._moves))


def _by_reason(skipped: Iterable[tuple[Candidate, str]]) -> Mapping[str, list[int]]:
    keys: defaultdict[str, list[int]] = defaultdict(list)
    for candidate, reason in skipped:
        keys[reason].append(candidate.key)
    return keys
