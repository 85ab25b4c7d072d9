"""Phone numbers: made, changed, bound to agents and deleted."""

from collections.abc import Callable
from dataclasses import dataclass

from outdial_server.domain.checks import Checks
from outdial_server.domain.etag import check_etag
from outdial_server.domain.ids import AccountId, AgentId, PhoneNumberId
from outdial_server.domain.phone_number import (
    PhoneNumber,
    PhoneNumberFields,
    check_phone_number,
)
from outdial_server.domain.request import RequestKey
from outdial_server.ports.identity import IdSource
from outdial_server.ports.phone_numbers import PhoneNumberStore
from outdial_server.ports.signals import Signals, Topic


@dataclass(frozen=True, slots=True)
class CreatePhoneNumber:
    numbers: PhoneNumberStore
    ids: IdSource
    signals: Signals

    async def execute(
        self,
        account_id: AccountId,
        address: str,
        fields: PhoneNumberFields,
        request: RequestKey | None,
    ) -> PhoneNumber:
        """Raises InvalidFieldsError, AlreadyExistsError (PHONE_NUMBER_TAKEN,
        REQUEST_ID_REUSED)."""
        checks = Checks("phone_number.")
        cleaned = checks.phone_number("address", address)
        if not address:
            checks.fault("address", "is required")
        check_phone_number(checks, fields)
        checks.raise_if_any()
        made = await self.numbers.create_phone_number(
            account_id, PhoneNumberId(self.ids.new_id()), cleaned, fields, request
        )
        # A caller ID that was a mere text until now may be this number.
        self.signals.wake(Topic.CLAIM, Topic.SETTLE)
        return made


@dataclass(frozen=True, slots=True)
class ChangePhoneNumber:
    """Whatever changes of a number, somebody may be dialled by it now."""

    numbers: PhoneNumberStore
    signals: Signals

    async def update(
        self,
        account_id: AccountId,
        phone_number_id: PhoneNumberId,
        change: Callable[[PhoneNumberFields], PhoneNumberFields],
        etag: str = "",
        *,
        lifts_hold: bool = False,
    ) -> PhoneNumber:
        """`change` writes what the client's mask names over the present fields. Raises
        InvalidFieldsError, NotFoundError (PHONE_NUMBER_NOT_FOUND), ConflictError
        (ETAG_MISMATCH)."""

        def decide(number: PhoneNumber) -> PhoneNumberFields:
            check_etag(etag, number.revision)
            fields = change(number.fields)
            checks = Checks("phone_number.")
            check_phone_number(checks, fields)
            checks.raise_if_any()
            return fields

        changed = await self.numbers.change_phone_number(
            account_id, phone_number_id, decide, lifts_hold=lifts_hold
        )
        self.signals.wake(Topic.CLAIM)
        return changed

    async def bind(
        self,
        account_id: AccountId,
        phone_number_id: PhoneNumberId,
        agent_id: AgentId,
        place: int | None,
    ) -> PhoneNumber:
        """Raises InvalidFieldsError, and as `PhoneNumberStore.bind_phone_number`."""
        checks = Checks()
        if place is not None and place < 0:
            checks.fault("place", "must not be negative")
        checks.raise_if_any()
        bound = await self.numbers.bind_phone_number(account_id, phone_number_id, agent_id, place)
        self.signals.wake(Topic.CLAIM)
        return bound

    async def unbind(self, account_id: AccountId, phone_number_id: PhoneNumberId) -> PhoneNumber:
        """Raises NotFoundError (PHONE_NUMBER_NOT_FOUND)."""
        unbound = await self.numbers.unbind_phone_number(account_id, phone_number_id)
        self.signals.wake(Topic.CLAIM)
        return unbound

    async def delete(self, account_id: AccountId, phone_number_id: PhoneNumberId) -> None:
        """Raises NotFoundError (PHONE_NUMBER_NOT_FOUND)."""
        await self.numbers.delete_phone_number(account_id, phone_number_id)
        self.signals.wake(Topic.CLAIM)
