"""The keys that a server starts with, since without one nobody could ask it for a key."""

from dataclasses import dataclass
from typing import Final

from outdial_server.commands.keys import ALL_SCOPES, PREFIX_CHARS, CreateKey, hash_secret
from outdial_server.domain.account import Account, ApiKey
from outdial_server.domain.ids import AccountId, ApiKeyId
from outdial_server.domain.limits import CONCURRENT_CALLS_DEFAULT
from outdial_server.ports.accounts import AccountStore, KeyStore
from outdial_server.ports.clock import Clock
from outdial_server.ports.identity import IdSource

FIRST_ACCOUNT_NAME: Final = "default"


@dataclass(frozen=True, slots=True)
class FirstKeys:
    accounts: AccountStore
    keys: KeyStore
    ids: IdSource
    clock: Clock

    async def execute(self, configured_secret: str) -> str | None:
        """Makes sure that the configured key exists or, without one, that any does.
        Returns the secret of a key that was made here, to be shown this once."""
        if configured_secret:
            await self._put(configured_secret)
            return None
        if await self.keys.has_keys():
            return None
        account = await self._account()
        create = CreateKey(self.keys, self.ids, self.clock)
        _, secret = await create.execute(account.account_id, "first key", ALL_SCOPES)
        return secret

    async def _put(self, secret: str) -> None:
        account = await self._account()
        key = ApiKey(
            ApiKeyId(self.ids.new_id()),
            account.account_id,
            "from the settings",
            secret[:PREFIX_CHARS],
            ALL_SCOPES,
            None,
            self.clock.now(),
            None,
        )
        await self.keys.put_key(key, hash_secret(secret))

    async def _account(self) -> Account:
        account_id = AccountId(self.ids.new_id())
        return await self.accounts.first_account(
            account_id, FIRST_ACCOUNT_NAME, CONCURRENT_CALLS_DEFAULT
        )
