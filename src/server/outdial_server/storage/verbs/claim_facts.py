"""The facts that scope gates judge by, gathered in one place: a claim and an explanation
that see the same moment get the same answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from outdial_server.domain.gates import ScopeFacts
from outdial_server.domain.slots import SlotRow, SlotScope
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.ledger import read_slots
from outdial_server.storage.verbs.runnable import Runnable


@dataclass(frozen=True, slots=True)
class ClaimFacts:
    slots: Mapping[SlotScope, SlotRow]

    def of(self, r: Runnable) -> ScopeFacts:
        return ScopeFacts(r.batch, [self.slots[scope] for scope in r.scopes])


def read_claim_facts(tx: Tx, runnable: Sequence[Runnable]) -> ClaimFacts:
    """For all these batches together. A writer locks the ledger here, before all else."""
    return ClaimFacts(read_slots(tx, (scope for r in runnable for scope in r.scopes)))
