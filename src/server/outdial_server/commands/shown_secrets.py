"""Secrets of webhooks, told again to whoever may set them."""

from dataclasses import dataclass

from outdial_server.domain.account import Principal, Scope
from outdial_server.domain.webhook_secrets import SealedSecrets
from outdial_server.ports.sealing import Seal, UnreadableSecretError


@dataclass(frozen=True, slots=True)
class ShownSecrets:
    seal: Seal

    def of(self, principal: Principal, secrets: SealedSecrets, owner: str) -> str:
        """The newest of an owner's, by its id. Empty for a key that may not write: who can sign
        can pass for us. Empty, too, where it was sealed under a key that is gone, so that a list
        is not lost for one."""
        if Scope.WRITE not in principal.scopes:
            return ""
        try:
            return self.seal.unseal(secrets.current, owner)
        except UnreadableSecretError:
            return ""
