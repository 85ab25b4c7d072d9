"""Explanations held against the claim that follows in the same moment."""

from outdial_server.domain.explanation import row_answers
from outdial_server.domain.ids import AccountId, ScheduledCallId
from outdial_server.ports.dispatch import Claims
from outdial_server.storage.encoding import pack_id, unpack_id
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.explaining import row_standing
from simulation.chance import Dice
from simulation.rows import Read

LOOKS_PERCENT = 15
ROWS_MOST = 4


class Foreseen:
    """What was said of some rows right before a claim."""

    def __init__(self, account_id: AccountId, dice: Dice, read: Read) -> None:
        self._account_id = account_id
        self._dice = dice
        self._read = read
        # Gates that block, by row; none where it is said to be open.
        self._said: dict[bytes, list[str]] = {}
        self.compared = 0

    def look(self, tx: Tx) -> None:
        self._said.clear()
        if not self._dice.chance(LOOKS_PERCENT):
            return
        waiting = self._read(
            "SELECT s.id FROM scheduled_calls s JOIN batches b ON b.key = s.batch_key "
            "WHERE s.due_us IS NOT NULL AND b.deleted_us IS NULL AND b.revealed_us IS NOT NULL "
            "AND s.position < b.next_position ORDER BY s.key"
        )
        for (packed,) in self._dice.some(waiting, ROWS_MOST):
            standing = row_standing(tx, self._account_id, ScheduledCallId(unpack_id(packed)))
            if standing.candidate is not None:
                answers = row_answers(standing, standing.candidate)
                self._said[packed] = [
                    answer.answer.gate for answer in answers if not answer.answer.is_open
                ]

    def check(self, claims: Claims) -> None:
        if not self._said:
            return
        claimed = {
            row
            for call in claims.calls
            for (row,) in self._read(
                "SELECT s.id FROM calls c JOIN scheduled_calls s ON s.key = c.scheduled_key "
                "WHERE c.id = :id",
                id=pack_id(call.call_id),
            )
        }
        for row, blocked in self._said.items():
            self.compared += 1
            if row in claimed:
                assert not blocked, f"{row.hex()} is claimed, and was said to be blocked: {blocked}"
            else:
                assert blocked, f"{row.hex()} was said to be open, and is not claimed"
