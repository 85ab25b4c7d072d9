"""Figures of the whole database, for those who watch the server."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from outdial_server.domain.batch import BatchState
from outdial_server.domain.ids import AccountId
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.slots import ScopeKind


@dataclass(frozen=True, slots=True)
class SlotFigures:
    """All scopes of one kind; of batches, those that have not ended."""

    kind: ScopeKind
    used: int
    # Of the scopes that have a limit.
    cap: int
    # Scopes at their limit.
    full: int


@dataclass(frozen=True, slots=True)
class AccountSlots:
    account_id: AccountId
    used: int
    cap: int


@dataclass(frozen=True, slots=True)
class WebhookFigures:
    """Of those that are active."""

    failing: int
    # Batches and direct calls of which an endpoint is to be told more; above a bound, the bound.
    pending: int
    # Of the oldest event among them.
    lag_seconds: float


@dataclass(frozen=True, slots=True)
class Figures:
    slots: tuple[SlotFigures, ...]
    accounts: tuple[AccountSlots, ...]
    # Of batches that have not ended: by state, and their rows that are not over.
    batches: Mapping[BatchState, int]
    rows: Mapping[ScheduledCallState, int]
    unknown: int
    # Stored callbacks that nobody has acted on; above a bound, the bound.
    callbacks: int
    oldest_callback_seconds: float
    webhooks: WebhookFigures
    database_bytes: int


class FiguresReader(Protocol):
    async def read_figures(self, accounts_most: int) -> Figures:
        """Reads the figures, with those of the oldest accounts, at most `accounts_most`.
        Takes as long as there are open batches and agents, not calls. Raises
        UnavailableError (DATABASE_UNAVAILABLE)."""
        ...
