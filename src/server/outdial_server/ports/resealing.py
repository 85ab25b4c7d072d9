"""Secrets that are kept, for whoever seals them anew under another master key."""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol


class SecretPlace(Enum):
    """Where sealed secrets are; the values are words for people."""

    CREDENTIALS = "credentials of carrier configs"
    WEBHOOKS = "secrets of webhooks"
    WEBHOOKS_BEFORE = "earlier secrets of webhooks"
    BATCHES = "secrets of the webhooks of batches"
    BATCHES_BEFORE = "earlier secrets of the webhooks of batches"


class KeptSecret(NamedTuple):
    # The store's own; secrets of a place come in their order.
    key: int
    owner: str
    sealed: str


class SealedStore(Protocol):
    async def secrets_without(
        self, place: SecretPlace, mark: str, after: int, limit: int
    ) -> Sequence[KeptSecret]:
        """Those whose sealed text does not begin with `mark`, with keys greater than `after`."""
        ...

    async def replace_secrets(
        self, place: SecretPlace, renewed: Sequence[tuple[KeptSecret, str]]
    ) -> int:
        """How many were still as they had been read. In one transaction."""
        ...
