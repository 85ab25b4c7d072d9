"""CreateAccount and UpdateAccount."""

from dataclasses import dataclass, replace

from outdial_server.domain.account import Account, AccountChange
from outdial_server.domain.account_checks import check_account
from outdial_server.domain.checks import Checks
from outdial_server.domain.errors import PermissionDeniedError, Reason
from outdial_server.domain.etag import check_etag
from outdial_server.domain.ids import AccountId
from outdial_server.domain.limits import CONCURRENT_CALLS_DEFAULT
from outdial_server.domain.number_rules import NO_NUMBER_RULES
from outdial_server.domain.request import RequestKey
from outdial_server.ports.accounts import AccountStore
from outdial_server.ports.identity import IdSource
from outdial_server.ports.signals import Signals, Topic


@dataclass(frozen=True, slots=True)
class CreateAccount:
    accounts: AccountStore
    ids: IdSource

    async def execute(self, fields: AccountChange, request: RequestKey | None = None) -> Account:
        """Raises InvalidFieldsError, AlreadyExistsError (REQUEST_ID_REUSED)."""
        checks = Checks("account.")
        check_account(checks, replace(fields, display_name=fields.display_name or ""))
        cap = fields.max_concurrent_calls or CONCURRENT_CALLS_DEFAULT
        reserve = fields.reserved_slots or 0
        _check_reserve(checks, cap, reserve)
        checks.raise_if_any()
        account_id = AccountId(self.ids.new_id())
        return await self.accounts.create_account(
            account_id,
            fields.display_name or "",
            cap,
            reserve,
            request,
            fields.number_rules or NO_NUMBER_RULES,
        )


@dataclass(frozen=True, slots=True)
class UpdateAccount:
    accounts: AccountStore
    signals: Signals

    async def execute(
        self,
        account_id: AccountId,
        change: AccountChange,
        *,
        by_operator: bool,
        etag: str = "",
    ) -> Account:
        """Raises InvalidFieldsError, NotFoundError (ACCOUNT_NOT_FOUND),
        PermissionDeniedError (LIMIT_RAISE_NEEDS_OPERATOR), ConflictError
        (ETAG_MISMATCH)."""
        checks = Checks("account.")
        check_account(checks, change)
        checks.raise_if_any()

        def decide(account: Account) -> Account:
            check_etag(etag, account.revision)
            return _changed(account, change, by_operator)

        account = await self.accounts.change_account(account_id, decide)
        # The settler has those looked at again whom the rules before had put off.
        self.signals.wake(Topic.CLAIM, Topic.SETTLE)
        return account


def _changed(account: Account, change: AccountChange, by_operator: bool) -> Account:
    cap = change.max_concurrent_calls or account.max_concurrent_calls
    reserve = account.reserved_slots if change.reserved_slots is None else change.reserved_slots
    if not by_operator and (cap > account.max_concurrent_calls or reserve < account.reserved_slots):
        raise PermissionDeniedError(
            Reason.LIMIT_RAISE_NEEDS_OPERATOR,
            "only an operator key may raise max_concurrent_calls or lower reserved_slots",
        )
    checks = Checks("account.")
    _check_reserve(checks, cap, reserve)
    checks.raise_if_any()
    name = account.display_name if change.display_name is None else change.display_name
    rules = account.number_rules if change.number_rules is None else change.number_rules
    return replace(
        account,
        display_name=name,
        max_concurrent_calls=cap,
        reserved_slots=reserve,
        number_rules=rules,
    )


def _check_reserve(checks: Checks, cap: int, reserve: int) -> None:
    if reserve > cap:
        checks.fault("reserved_slots", "must not be more than max_concurrent_calls")
