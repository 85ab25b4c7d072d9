"""Keys and accounts in memory."""

from collections.abc import Callable
from dataclasses import replace

from outdial_server.domain.account import Account, ApiKey
from outdial_server.domain.errors import NotFoundError, Reason
from outdial_server.domain.ids import AccountId, ApiKeyId
from outdial_server.domain.number_rules import NO_NUMBER_RULES, NumberRules
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey
from outdial_server.ports.clock import Clock


class MemoryKeys:
    """`reads` counts how often a key was looked for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: dict[bytes, ApiKey] = {}
        self.reads = 0

    async def create_key(self, key: ApiKey, secret_hash: bytes) -> ApiKey:
        self._keys[secret_hash] = replace(key, created_at=self._clock.now())
        return self._keys[secret_hash]

    async def put_key(self, key: ApiKey, secret_hash: bytes) -> None:
        self._keys.setdefault(secret_hash, key)

    async def find_key(self, secret_hash: bytes) -> ApiKey | None:
        self.reads += 1
        return self._keys.get(secret_hash)

    async def list_keys(self, account_id: AccountId, page: PageRequest) -> Page[ApiKey]:
        return Page([k for k in self._keys.values() if k.account_id == account_id], "")

    async def revoke_key(self, account_id: AccountId | None, key_id: ApiKeyId) -> ApiKey:
        for digest, key in self._keys.items():
            if key.api_key_id == key_id and account_id in (None, key.account_id):
                self._keys[digest] = replace(key, revoked_at=self._clock.now())
                return self._keys[digest]
        raise NotFoundError(Reason.API_KEY_NOT_FOUND, f"there is no API key {key_id}")

    async def has_keys(self) -> bool:
        return bool(self._keys)

    def hashes(self) -> set[bytes]:
        return set(self._keys)


class MemoryAccounts:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accounts: dict[AccountId, Account] = {}

    async def create_account(
        self,
        account_id: AccountId,
        display_name: str,
        max_concurrent_calls: int,
        reserved_slots: int,
        request: RequestKey | None = None,
        number_rules: NumberRules = NO_NUMBER_RULES,
    ) -> Account:
        now = self._clock.now()
        self._accounts[account_id] = Account(
            account_id,
            display_name,
            max_concurrent_calls,
            reserved_slots,
            1,
            now,
            now,
            number_rules=number_rules,
        )
        return self._accounts[account_id]

    async def first_account(
        self, account_id: AccountId, display_name: str, max_concurrent_calls: int
    ) -> Account:
        for account in self._accounts.values():
            return account
        return await self.create_account(account_id, display_name, max_concurrent_calls, 0)

    async def get_account(self, account_id: AccountId) -> Account:
        try:
            return self._accounts[account_id]
        except KeyError:
            text = f"there is no account {account_id}"
            raise NotFoundError(Reason.ACCOUNT_NOT_FOUND, text) from None

    async def list_accounts(self, page: PageRequest) -> Page[Account]:
        return Page([*self._accounts.values()][: page.size], "")

    async def change_account(
        self, account_id: AccountId, decide: Callable[[Account], Account]
    ) -> Account:
        before = await self.get_account(account_id)
        after = replace(decide(before), revision=before.revision + 1, updated_at=self._clock.now())
        self._accounts[account_id] = after
        return after
