"""Phone numbers."""

from collections.abc import Iterable

from google.protobuf.field_mask_pb2 import FieldMask
from grpc.aio import Channel
from outdial.v1 import phone_number_service_pb2 as messages
from outdial.v1.phone_number_pb2 import PhoneNumber
from outdial.v1.phone_number_service_pb2_grpc import PhoneNumberServiceStub

from outdial_client._inputs import NewPhoneNumber
from outdial_client._pager import Page, Pager
from outdial_client._requests import Sender


class PhoneNumbers:
    """The account's own numbers, and which agent calls from which."""

    def __init__(self, channel: Channel, sender: Sender) -> None:
        self._stub = PhoneNumberServiceStub(channel)
        self._send = sender.send

    async def create(
        self, number: str | NewPhoneNumber | PhoneNumber, *, request_id: str = ""
    ) -> PhoneNumber:
        """Makes a number known, given in E.164 form or with more to say about it.

        AlreadyExistsError when the account has it.
        """
        if isinstance(number, str):
            number = NewPhoneNumber(address=number)
        wanted = number.to_message() if isinstance(number, NewPhoneNumber) else number
        request = messages.CreatePhoneNumberRequest(phone_number=wanted, request_id=request_id)
        return (await self._send(self._stub.CreatePhoneNumber, request)).phone_number

    async def get(self, phone_number_id: str) -> PhoneNumber:
        """One number, by its id."""
        request = messages.GetPhoneNumberRequest(phone_number_id=phone_number_id)
        return (await self._send(self._stub.GetPhoneNumber, request)).phone_number

    async def find(self, address: str) -> PhoneNumber | None:
        """The number of exactly this E.164 form, if the account has it."""
        return await self.list(address=address).first()

    def list(
        self,
        *,
        address: str = "",
        agent_id: str = "",
        page_size: int = 0,
        skip: int = 0,
    ) -> Pager[PhoneNumber]:
        """Numbers, oldest first; all, or those of one agent."""

        async def fetch(page_token: str) -> Page[PhoneNumber]:
            request = messages.ListPhoneNumbersRequest(
                page_size=page_size,
                page_token=page_token,
                skip=0 if page_token else skip,
                address=address,
                agent_id=agent_id,
            )
            response = await self._send(self._stub.ListPhoneNumbers, request)
            return Page(response.phone_numbers, response.next_page_token)

        return Pager(fetch)

    async def update(self, number: PhoneNumber, fields: Iterable[str]) -> PhoneNumber:
        """Writes those `fields` of `number`; AbortedError when its etag is out of date."""
        request = messages.UpdatePhoneNumberRequest(
            phone_number=number, update_mask=FieldMask(paths=list(fields))
        )
        return (await self._send(self._stub.UpdatePhoneNumber, request)).phone_number

    async def delete(self, phone_number_id: str) -> None:
        """Deletes a number; calls that show it go on."""
        request = messages.DeletePhoneNumberRequest(phone_number_id=phone_number_id)
        await self._send(self._stub.DeletePhoneNumber, request)

    async def bind(
        self, phone_number_id: str, agent_id: str, *, place: int | None = None
    ) -> PhoneNumber:
        """Lets an agent call from the number.

        `place` is its place among the agent's numbers, from 0; without one it comes behind
        the last, or stays where it is. FailedPreconditionError when another agent has it.
        """
        request = messages.BindPhoneNumberRequest(
            phone_number_id=phone_number_id, agent_id=agent_id, place=place
        )
        return (await self._send(self._stub.BindPhoneNumber, request)).phone_number

    async def unbind(self, phone_number_id: str) -> PhoneNumber:
        """Takes the number from its agent."""
        request = messages.UnbindPhoneNumberRequest(phone_number_id=phone_number_id)
        return (await self._send(self._stub.UnbindPhoneNumber, request)).phone_number
