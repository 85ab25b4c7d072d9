"""CreateSuppressions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from outdial_server.domain.checks import Checks
from outdial_server.domain.ids import AccountId
from outdial_server.domain.suppression import (
    Suppression,
    SuppressionFields,
    check_suppressions,
)
from outdial_server.ports.clock import Clock
from outdial_server.ports.signals import Signals, Topic
from outdial_server.ports.suppressions import SuppressionStore

GROUP_MOST: Final = 500
"""A few ms of the writer each; dialling has its turn in between."""


@dataclass(frozen=True, slots=True)
class CreateSuppressions:
    suppressions: SuppressionStore
    clock: Clock
    signals: Signals

    async def execute(
        self, account_id: AccountId, addresses: Sequence[str], fields: SuppressionFields
    ) -> tuple[Sequence[Suppression], int]:
        """The entries, each address once, and how many of them are new. Nothing is stored
        before all is checked. Raises InvalidFieldsError."""
        checks = Checks()
        normal = check_suppressions(checks, addresses, fields, self.clock.now())
        checks.raise_if_any()
        made: list[Suppression] = []
        new = 0
        for first in range(0, len(normal), GROUP_MOST):
            group = normal[first : first + GROUP_MOST]
            entries, fresh = await self.suppressions.put_suppressions(account_id, group, fields)
            made += entries
            new += fresh
            # Rows whose claims were taken away are skipped by the next claim.
            self.signals.wake(Topic.CLAIM)
        return made, new
