"""Erasing what has been kept for long enough."""

from dataclasses import dataclass, fields
from typing import Protocol

from outdial_server.domain.retention import Retention


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased, by kind. `payloads` are people whose context, metadata and
    annotations went while they themselves stay; `rows` are people, `requests` answers kept
    for repeated requests, `batches` those of which nothing is left; `imports` what is known of
    lists that came in, and `findings` their refused and doubled rows; `contacts` those of
    deleted folders; `suppressions` entries of do-not-call lists that had ended; `number_calls`
    and `throttle_hits` what rules had counted and ask for no more; `deliveries` what became of
    events that webhooks were told of."""

    events: int = 0
    payloads: int = 0
    rows: int = 0
    calls: int = 0
    batches: int = 0
    requests: int = 0
    imports: int = 0
    findings: int = 0
    contacts: int = 0
    suppressions: int = 0
    number_calls: int = 0
    throttle_hits: int = 0
    deliveries: int = 0

    def __add__(self, other: "Erased") -> "Erased":
        return Erased(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Erased)))

    @property
    def total(self) -> int:
        return sum(self.counts().values())

    def counts(self) -> dict[str, int]:
        return {f.name: getattr(self, f.name) for f in fields(Erased)}


@dataclass(frozen=True, slots=True)
class Swept:
    """`more` says that there was work, and so may be more: ask again."""

    erased: Erased
    more: bool


class RetentionStore(Protocol):
    async def erase(self, keep: Retention, limit: int) -> Swept:
        """Erases a group of at most about `limit` things that are due, oldest first, in one
        transaction. Broken off at any point, the next call goes on where the last commit
        left it.

        Nothing alive is touched: only batches that have ended, without a call that lives, a
        slot, a row to settle or rows that are being staged. A batch is hidden before the
        first part of it goes, so that nobody sees half of one."""
        ...
