"""What is kept of one number is erased."""

from dataclasses import dataclass

from outdial_server.domain.address import AddressError, parse_address
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.ids import AccountId
from outdial_server.ports.erasure import ErasureStore, Forgotten, Place, Subject


@dataclass(frozen=True, slots=True)
class EraseAddress:
    store: ErasureStore

    async def execute(
        self, address: str, account_id: AccountId | None, *, with_suppressions: bool
    ) -> Forgotten:
        """In groups, so that whoever else writes takes turns. Broken off, it may be begun
        again. Raises InvalidFieldsError, NotFoundError (ACCOUNT_NOT_FOUND)."""
        try:
            _, normal_form = parse_address(address)
        except AddressError as error:
            raise invalid_field("address", str(error)) from error
        subject = Subject(normal_form, account_id, with_suppressions)
        forgotten = Forgotten()
        place: Place | None = Place()
        while place is not None:
            some = await self.store.forget(subject, place)
            forgotten, place = forgotten + some.forgotten, some.next_place
        return forgotten
