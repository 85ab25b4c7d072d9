"""Another master key: what is sealed with an old one is sealed anew."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from outdial_server.ports.resealing import KeptSecret, SealedStore, SecretPlace
from outdial_server.ports.sealing import Seal, UnreadableSecretError

GROUP_MOST: Final = 100
"""A transaction of a few ms."""


@dataclass(frozen=True, slots=True)
class Resealed:
    """By place: those that were sealed anew, and those that no key opens, which stay."""

    renewed: Counter[SecretPlace] = field(default_factory=Counter)
    unreadable: Counter[SecretPlace] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class RotateMasterKey:
    """Group by group: one that breaks off leaves every secret under one key or the other, and the
    next goes on with those that are left."""

    store: SealedStore
    seal: Seal

    async def execute(self) -> Resealed:
        done = Resealed()
        for place in SecretPlace:
            after = 0
            while found := await self._next(place, after):
                renewed = self._renewed(found)
                done.unreadable[place] += len(found) - len(renewed)
                done.renewed[place] += await self.store.replace_secrets(place, renewed)
                after = found[-1].key
        return done

    async def _next(self, place: SecretPlace, after: int) -> Sequence[KeptSecret]:
        return await self.store.secrets_without(place, self.seal.mark, after, GROUP_MOST)

    def _renewed(self, found: Sequence[KeptSecret]) -> list[tuple[KeptSecret, str]]:
        renewed = []
        for secret in found:
            try:
                text = self.seal.unseal(secret.sealed, secret.owner)
            except UnreadableSecretError:
                continue
            renewed.append((secret, self.seal.seal(text, secret.owner)))
        return renewed
