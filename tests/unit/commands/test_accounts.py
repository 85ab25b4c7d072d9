"""An account may lower its own limits; raising them takes an operator."""

from datetime import timedelta

import pytest

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.commands.accounts import CreateAccount, UpdateAccount
from outdial_server.domain.account import Account, AccountChange
from outdial_server.domain.errors import (
    ConflictError,
    InvalidFieldsError,
    PermissionDeniedError,
    Reason,
)
from outdial_server.domain.etag import etag_of
from outdial_server.domain.limits import CONCURRENT_CALLS_DEFAULT
from outdial_server.domain.number_rules import NumberRules
from outdial_server.ports.signals import Topic
from support.clock import ManualClock, ManualSignals
from support.keys import MemoryAccounts


class Accounts:
    def __init__(self) -> None:
        clock = ManualClock()
        self.signals = ManualSignals(clock)
        self._store = MemoryAccounts(clock)
        self.create = CreateAccount(self._store, UuidV7Ids(clock))

    async def update(
        self, account: Account, change: AccountChange, *, by_operator: bool = False, etag: str = ""
    ) -> Account:
        command = UpdateAccount(self._store, self.signals)
        return await command.execute(account.account_id, change, by_operator=by_operator, etag=etag)


async def test_an_account_starts_with_the_default_limits() -> None:
    account = await Accounts().create.execute(AccountChange("Clinic"))
    assert account.max_concurrent_calls == CONCURRENT_CALLS_DEFAULT
    assert account.reserved_slots == 0


async def test_an_account_needs_a_name_and_a_reserve_within_its_limit() -> None:
    with pytest.raises(InvalidFieldsError) as refused:
        await Accounts().create.execute(AccountChange(None, 5, 6))
    assert [violation.field for violation in refused.value.violations] == [
        "account.display_name",
        "account.reserved_slots",
    ]


@pytest.mark.parametrize(
    "change", [AccountChange(max_concurrent_calls=11), AccountChange(reserved_slots=1)]
)
async def test_only_an_operator_makes_room_for_more_calls(change: AccountChange) -> None:
    accounts = Accounts()
    account = await accounts.create.execute(AccountChange("Clinic", 10, 2))
    with pytest.raises(PermissionDeniedError) as refused:
        await accounts.update(account, change)
    assert refused.value.reason is Reason.LIMIT_RAISE_NEEDS_OPERATOR
    await accounts.update(account, change, by_operator=True)
    await accounts.signals.wait(Topic.CLAIM, None)


async def test_an_account_may_lower_its_limits_and_keeps_what_it_does_not_name() -> None:
    accounts = Accounts()
    account = await accounts.create.execute(AccountChange("Clinic", 10, 2))
    changed = await accounts.update(account, AccountChange(max_concurrent_calls=5))
    assert (changed.display_name, changed.max_concurrent_calls, changed.reserved_slots) == (
        "Clinic",
        5,
        2,
    )


async def test_an_account_sets_its_own_rules_for_numbers() -> None:
    accounts = Accounts()
    account = await accounts.create.execute(
        AccountChange("Clinic", number_rules=NumberRules(None, 3))
    )
    assert account.number_rules == NumberRules(None, 3)
    changed = await accounts.update(
        account, AccountChange(number_rules=NumberRules(timedelta(hours=4)))
    )
    assert changed.number_rules == NumberRules(timedelta(hours=4)), "they are set as a whole"
    await accounts.signals.wait(Topic.SETTLE, None)
    assert (await accounts.update(account, AccountChange("Ward"))).number_rules.are_any
    for wrong in (
        NumberRules(timedelta(0)),
        NumberRules(timedelta(days=31)),
        NumberRules(timedelta(seconds=1.5)),
        NumberRules(None, 101),
        NumberRules(None, -1),
    ):
        with pytest.raises(InvalidFieldsError, match=r"account\.number_rules\.m"):
            await accounts.update(account, AccountChange(number_rules=wrong))


async def test_a_limit_below_the_reserve_that_stays_is_refused() -> None:
    accounts = Accounts()
    account = await accounts.create.execute(AccountChange("Clinic", 10, 2))
    with pytest.raises(InvalidFieldsError, match="reserved_slots"):
        await accounts.update(account, AccountChange(max_concurrent_calls=1))


async def test_somebody_else_s_change_in_between_is_noticed() -> None:
    accounts = Accounts()
    account = await accounts.create.execute(AccountChange("Clinic"))
    etag = etag_of(account.revision)
    await accounts.update(account, AccountChange("Practice"), etag=etag)
    with pytest.raises(ConflictError):
        await accounts.update(account, AccountChange("Surgery"), etag=etag)
