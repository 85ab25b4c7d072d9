"""Accounts and keys."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from outdial_server.domain.ids import AccountId, ApiKeyId
from outdial_server.domain.number_rules import NO_NUMBER_RULES, NumberRules


@dataclass(frozen=True, slots=True)
class Account:
    account_id: AccountId
    display_name: str
    max_concurrent_calls: int
    reserved_slots: int
    revision: int
    created_at: datetime
    updated_at: datetime
    active_calls: int = 0
    number_rules: NumberRules = NO_NUMBER_RULES


@dataclass(frozen=True, slots=True)
class AccountRules:
    """What an account asks of each dial, over all its batches. What it does not use costs
    nothing."""

    has_suppressions: bool = False
    # None without any.
    numbers: NumberRules | None = None
    has_phone_numbers: bool = False


@dataclass(frozen=True, slots=True)
class AccountChange:
    """The writable fields of an account; None leaves one as it is."""

    display_name: str | None = None
    max_concurrent_calls: int | None = None
    reserved_slots: int | None = None
    number_rules: NumberRules | None = None


class Scope(IntEnum):
    """What a key may do; the numbers are stored."""

    READ = 1
    WRITE = 2
    ADMIN = 3
    OPERATOR = 4


@dataclass(frozen=True, slots=True)
class ApiKey:
    api_key_id: ApiKeyId
    account_id: AccountId
    display_name: str
    prefix: str
    scopes: frozenset[Scope]
    expires_at: datetime | None
    created_at: datetime
    revoked_at: datetime | None

    def works_at(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling."""

    account_id: AccountId
    api_key_id: ApiKeyId
    scopes: frozenset[Scope]

    @property
    def is_operator(self) -> bool:
        return Scope.OPERATOR in self.scopes
