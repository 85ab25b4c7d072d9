"""The facts that scope gates judge by, gathered in one place: a claim and an explanation
that see the same moment get the same answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from outdial_server.domain.gates import ScopeFacts
from outdial_server.domain.slots import SlotRow, SlotScope
from outdial_server.domain.throttle import ThrottleUse
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.ledger import read_slots
from outdial_server.storage.verbs.own_numbers import OwnNumbers
from outdial_server.storage.verbs.routes import Routes
from outdial_server.storage.verbs.runnable import Runnable
from outdial_server.storage.verbs.throttle_log import Reading, read_throttles


@dataclass(frozen=True, slots=True)
class ClaimFacts:
    slots: Mapping[SlotScope, SlotRow]
    # By key, of those whose windows calls of these batches count in.
    throttles: Mapping[int, Reading]
    numbers: OwnNumbers
    routes: Routes

    def of(self, r: Runnable) -> ScopeFacts:
        slots = [self.slots[scope] for scope in r.scopes]
        throttle, rate = self._use(r.throttle_key), self._use(r.rate_key)
        return ScopeFacts(r.batch, slots, throttle, rate, self.numbers.pool_of(r), r.trouble)

    def _use(self, key: int | None) -> ThrottleUse | None:
        return None if key is None else self.throttles[key].use


def read_claim_facts(tx: Tx, runnable: Sequence[Runnable]) -> ClaimFacts:
    """For all these batches together. A writer locks the ledger here, before all else.
    Throttles are only read: they decide when a call is to be SENDING."""
    numbers = OwnNumbers(tx, runnable)
    of_batches = (scope for r in runnable for scope in r.scopes)
    slots = read_slots(tx, [*of_batches, *numbers.scopes()])
    numbers.add_slots(slots)
    keys = {key for r in runnable for key in r.window_keys}
    paces = {r.rate_key: r.trouble.pace for r in runnable if r.rate_key and r.trouble}
    return ClaimFacts(slots, read_throttles(tx, keys, paces), numbers, Routes(numbers))
