"""PhoneNumberService."""

from dataclasses import dataclass

from outdial.v1 import phone_number_service_pb2 as pb
from outdial.v1.phone_number_service_pb2_grpc import PhoneNumberServiceServicer
from typing_extensions import override

from outdial_server.api.caller import caller
from outdial_server.api.conversion.holds import lifts_hold
from outdial_server.api.conversion.ids import canonical, required_id
from outdial_server.api.conversion.phone_number import (
    phone_number_change,
    phone_number_fields,
    phone_number_to_message,
)
from outdial_server.api.conversion.request import counted_page_of, filter_text, take_request_key
from outdial_server.commands.phone_numbers import ChangePhoneNumber, CreatePhoneNumber
from outdial_server.domain.ids import AgentId, PhoneNumberId
from outdial_server.ports.phone_numbers import PhoneNumberStore


@dataclass(frozen=True)
class PhoneNumberServicer(PhoneNumberServiceServicer):
    numbers: PhoneNumberStore
    create: CreatePhoneNumber
    change: ChangePhoneNumber

    @override
    async def CreatePhoneNumber(
        self, request: pb.CreatePhoneNumberRequest, context: object
    ) -> pb.CreatePhoneNumberResponse:
        account_id = caller().account_id
        key = take_request_key(account_id, request)
        wanted = request.phone_number
        made = await self.create.execute(
            account_id, wanted.address, phone_number_fields(wanted), key
        )
        return pb.CreatePhoneNumberResponse(phone_number=phone_number_to_message(made))

    @override
    async def GetPhoneNumber(
        self, request: pb.GetPhoneNumberRequest, context: object
    ) -> pb.GetPhoneNumberResponse:
        found = await self.numbers.get_phone_number(
            caller().account_id, _number_id(request.phone_number_id)
        )
        return pb.GetPhoneNumberResponse(phone_number=phone_number_to_message(found))

    @override
    async def ListPhoneNumbers(
        self, request: pb.ListPhoneNumbersRequest, context: object
    ) -> pb.ListPhoneNumbersResponse:
        page = await self.numbers.list_phone_numbers(
            caller().account_id,
            counted_page_of(request),
            filter_text("address", request.address),
            canonical(request.agent_id),
        )
        return pb.ListPhoneNumbersResponse(
            phone_numbers=map(phone_number_to_message, page.items),
            next_page_token=page.next_token,
            total_size=page.total or 0,
        )

    @override
    async def UpdatePhoneNumber(
        self, request: pb.UpdatePhoneNumberRequest, context: object
    ) -> pb.UpdatePhoneNumberResponse:
        wanted = request.phone_number
        changed = await self.change.update(
            caller().account_id,
            _number_id(wanted.phone_number_id, "phone_number.phone_number_id"),
            phone_number_change(wanted, request.update_mask),
            wanted.etag,
            lifts_hold=lifts_hold(wanted, request.update_mask, "phone_number"),
        )
        return pb.UpdatePhoneNumberResponse(phone_number=phone_number_to_message(changed))

    @override
    async def DeletePhoneNumber(
        self, request: pb.DeletePhoneNumberRequest, context: object
    ) -> pb.DeletePhoneNumberResponse:
        await self.change.delete(caller().account_id, _number_id(request.phone_number_id))
        return pb.DeletePhoneNumberResponse()

    @override
    async def BindPhoneNumber(
        self, request: pb.BindPhoneNumberRequest, context: object
    ) -> pb.BindPhoneNumberResponse:
        bound = await self.change.bind(
            caller().account_id,
            _number_id(request.phone_number_id),
            AgentId(required_id(request.agent_id, "agent_id")),
            request.place if request.HasField("place") else None,
        )
        return pb.BindPhoneNumberResponse(phone_number=phone_number_to_message(bound))

    @override
    async def UnbindPhoneNumber(
        self, request: pb.UnbindPhoneNumberRequest, context: object
    ) -> pb.UnbindPhoneNumberResponse:
        unbound = await self.change.unbind(caller().account_id, _number_id(request.phone_number_id))
        return pb.UnbindPhoneNumberResponse(phone_number=phone_number_to_message(unbound))


def _number_id(text: str, path: str = "phone_number_id") -> PhoneNumberId:
    return PhoneNumberId(required_id(text, path))
