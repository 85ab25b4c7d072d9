"""Past calls, as an outcome model is made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from outdial_server.domain.call import Disposition

CALLS_READ_MOST: Final = 2000
"""Of each agent, the newest: rates are known to a percent by then, and lists change."""

FEW_CALLS: Final = 500
"""With as many of its own, those of others change nothing for an agent. So many of theirs are
read."""


@dataclass(frozen=True, slots=True)
class PastCall:
    """A call that has ended, or, without a disposition, one that is being talked on: it was
    answered, and its `talk_seconds` are as many as so far."""

    attempt: int
    disposition: Disposition | None
    # From the request to the answer, or to the end without one.
    ring_seconds: float
    talk_seconds: float
    # How long it was allowed to ring.
    ring_timeout_seconds: float
    # It held its slot so long before the request.
    lead_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class History:
    """By the store's key of an agent, newest calls first."""

    of_agents: Mapping[int, Sequence[PastCall]] = field(default_factory=dict)
    # Calls of the account's other agents, for those that have few of their own.
    of_others: Mapping[int, Sequence[PastCall]] = field(default_factory=dict)

    def own(self, agent_key: int) -> Sequence[PastCall]:
        return self.of_agents.get(agent_key, ())

    def others(self, agent_key: int) -> Sequence[PastCall]:
        return self.of_others.get(agent_key, ())
