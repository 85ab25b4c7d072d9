"""AccountStore and KeyStore over a database."""

from collections.abc import Callable

from outdial_server.domain.account import Account, ApiKey
from outdial_server.domain.ids import AccountId, ApiKeyId
from outdial_server.domain.number_rules import NO_NUMBER_RULES, NumberRules
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import accounts


class SqlAccounts:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def create_account(
        self,
        account_id: AccountId,
        display_name: str,
        max_concurrent_calls: int,
        reserved_slots: int,
        request: RequestKey | None = None,
        number_rules: NumberRules = NO_NUMBER_RULES,
    ) -> Account:
        return await self._db.write(
            lambda tx: accounts.create_account(
                tx,
                account_id,
                display_name,
                max_concurrent_calls,
                reserved_slots,
                request,
                number_rules,
            )
        )

    async def first_account(
        self, account_id: AccountId, display_name: str, max_concurrent_calls: int
    ) -> Account:
        return await self._db.write(
            lambda tx: accounts.first_account(tx, account_id, display_name, max_concurrent_calls)
        )

    async def get_account(self, account_id: AccountId) -> Account:
        return await self._db.read(lambda tx: accounts.get_account(tx, account_id))

    async def list_accounts(self, page: PageRequest) -> Page[Account]:
        return await self._db.read(lambda tx: accounts.list_accounts(tx, page))

    async def change_account(
        self, account_id: AccountId, decide: Callable[[Account], Account]
    ) -> Account:
        return await self._db.write(lambda tx: accounts.change_account(tx, account_id, decide))

    async def create_key(self, key: ApiKey, secret_hash: bytes) -> ApiKey:
        return await self._db.write(lambda tx: accounts.create_key(tx, key, secret_hash))

    async def put_key(self, key: ApiKey, secret_hash: bytes) -> None:
        await self._db.write(lambda tx: accounts.put_key(tx, key, secret_hash))

    async def find_key(self, secret_hash: bytes) -> ApiKey | None:
        return await self._db.read_first(lambda tx: accounts.find_key(tx, secret_hash))

    async def list_keys(self, account_id: AccountId, page: PageRequest) -> Page[ApiKey]:
        return await self._db.read(lambda tx: accounts.list_keys(tx, account_id, page))

    async def revoke_key(self, account_id: AccountId | None, key_id: ApiKeyId) -> ApiKey:
        return await self._db.write(lambda tx: accounts.revoke_key(tx, account_id, key_id))

    async def has_keys(self) -> bool:
        return await self._db.read(accounts.has_keys)
