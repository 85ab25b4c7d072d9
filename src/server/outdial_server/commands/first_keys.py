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

    async def make_if_none(self) -> str | None:
        """The secret of the key that was made, to be shown this once."""
        if await self.keys.has_keys():
            return None
        account = await self._account()
        create = CreateKey(self.keys, self.ids, self.clock)
        _, secret = await create.execute(account.account_id, "first key", ALL_SCOPES)
        return secret

    async def put(self, secret: str) -> None:
        """Makes sure that the key exists."""
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
