"""Accounts, their keys, and agents."""

from collections.abc import Callable
from typing import Protocol

from outdial_server.domain.account import Account, ApiKey
from outdial_server.domain.agent import Agent, AgentFields
from outdial_server.domain.ids import AccountId, AgentId, ApiKeyId
from outdial_server.domain.number_rules import NO_NUMBER_RULES, NumberRules
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey


class AccountStore(Protocol):
    async def create_account(
        self,
        account_id: AccountId,
        display_name: str,
        max_concurrent_calls: int,
        reserved_slots: int,
        request: RequestKey | None = None,
        number_rules: NumberRules = NO_NUMBER_RULES,
    ) -> Account:
        """Makes an account with its slots, or returns the one that the same request made
        before. Raises AlreadyExistsError (REQUEST_ID_REUSED)."""
        ...

    async def first_account(
        self, account_id: AccountId, display_name: str, max_concurrent_calls: int
    ) -> Account:
        """The oldest account; where there is none, a new one. Of servers that ask at once, one
        makes it."""
        ...

    async def get_account(self, account_id: AccountId) -> Account:
        """Raises NotFoundError (ACCOUNT_NOT_FOUND)."""
        ...

    async def list_accounts(self, page: PageRequest) -> Page[Account]:
        """Oldest first. Raises InvalidFieldsError (PAGE_TOKEN_INVALID)."""
        ...

    async def change_account(
        self, account_id: AccountId, decide: Callable[[Account], Account]
    ) -> Account:
        """Reads, decides and writes in one transaction; slots follow the new limits, and who
        was put off waits to be looked at again where the rules for numbers are other ones.
        `decide` is pure and may raise. The revision and the time of change are set here.
        Raises NotFoundError (ACCOUNT_NOT_FOUND)."""
        ...


class KeyStore(Protocol):
    async def create_key(self, key: ApiKey, secret_hash: bytes) -> ApiKey:
        """Stores a key by the hash of its secret; `created_at` is set here. Raises
        NotFoundError (ACCOUNT_NOT_FOUND)."""
        ...

    async def put_key(self, key: ApiKey, secret_hash: bytes) -> None:
        """Makes sure that a key with this hash exists; one that is there stays as it is."""
        ...

    async def find_key(self, secret_hash: bytes) -> ApiKey | None:
        """The key, revoked and expired ones too."""
        ...

    async def list_keys(self, account_id: AccountId, page: PageRequest) -> Page[ApiKey]:
        """Oldest first."""
        ...

    async def revoke_key(self, account_id: AccountId | None, key_id: ApiKeyId) -> ApiKey:
        """Revokes a key of the account (None: of any). Raises NotFoundError
        (API_KEY_NOT_FOUND)."""
        ...

    async def has_keys(self) -> bool:
        """Whether any key was ever made."""
        ...


class AgentStore(Protocol):
    async def create_agent(
        self,
        account_id: AccountId,
        agent_id: AgentId,
        fields: AgentFields,
        request: RequestKey | None = None,
    ) -> Agent:
        """Raises AlreadyExistsError (AGENT_NAME_TAKEN, REQUEST_ID_REUSED)."""
        ...

    async def get_agent(self, account_id: AccountId, agent_id: AgentId) -> Agent:
        """Raises NotFoundError (AGENT_NOT_FOUND)."""
        ...

    async def list_agents(
        self, account_id: AccountId, page: PageRequest, display_name: str = ""
    ) -> Page[Agent]:
        """Oldest first; with a name, the agent of exactly that name."""
        ...

    async def change_agent(
        self,
        account_id: AccountId,
        agent_id: AgentId,
        decide: Callable[[Agent], AgentFields],
    ) -> Agent:
        """Reads, decides and writes in one transaction; slots follow the new limit.
        Raises NotFoundError (AGENT_NOT_FOUND), AlreadyExistsError (AGENT_NAME_TAKEN)."""
        ...

    async def delete_agent(self, account_id: AccountId, agent_id: AgentId) -> None:
        """Raises NotFoundError (AGENT_NOT_FOUND), PreconditionError (AGENT_IN_USE)."""
        ...
