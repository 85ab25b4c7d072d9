"""CarrierConfigService."""

from dataclasses import dataclass

from outdial.v1 import carrier_config_service_pb2 as pb
from outdial.v1.carrier_config_pb2 import CarrierConfig as Message
from outdial.v1.carrier_config_service_pb2_grpc import CarrierConfigServiceServicer
from typing_extensions import override

from outdial_server.api.caller import caller
from outdial_server.api.conversion.carrier_config import (
    carrier_config_change,
    carrier_config_fields,
    carrier_config_to_message,
    given_credentials,
)
from outdial_server.api.conversion.holds import lifts_hold
from outdial_server.api.conversion.ids import required_id
from outdial_server.api.conversion.request import filter_text, page_of, take_request_key
from outdial_server.commands.carrier_configs import CreateCarrierConfig, UpdateCarrierConfig
from outdial_server.commands.check_carrier_config import CheckCarrierConfig
from outdial_server.domain.carrier_config import CarrierConfig, CarrierRates
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.ports.carrier_configs import CarrierConfigStore


@dataclass(frozen=True)
class CarrierConfigServicer(CarrierConfigServiceServicer):
    configs: CarrierConfigStore
    create: CreateCarrierConfig
    update: UpdateCarrierConfig
    check: CheckCarrierConfig
    rates: CarrierRates

    @override
    async def CreateCarrierConfig(
        self, request: pb.CreateCarrierConfigRequest, context: object
    ) -> pb.CreateCarrierConfigResponse:
        account_id = caller().account_id
        key = take_request_key(account_id, request)
        asked = request.carrier_config
        fields = carrier_config_fields(asked)
        made = await self.create.execute(
            account_id, asked.carrier, fields, given_credentials(asked), key
        )
        return pb.CreateCarrierConfigResponse(carrier_config=self._message(made))

    @override
    async def GetCarrierConfig(
        self, request: pb.GetCarrierConfigRequest, context: object
    ) -> pb.GetCarrierConfigResponse:
        found = await self.configs.get_carrier_config(
            caller().account_id, _config_id(request.carrier_config_id)
        )
        return pb.GetCarrierConfigResponse(carrier_config=self._message(found))

    @override
    async def ListCarrierConfigs(
        self, request: pb.ListCarrierConfigsRequest, context: object
    ) -> pb.ListCarrierConfigsResponse:
        page = await self.configs.list_carrier_configs(
            caller().account_id,
            page_of(request),
            filter_text("display_name", request.display_name),
        )
        return pb.ListCarrierConfigsResponse(
            carrier_configs=map(self._message, page.items), next_page_token=page.next_token
        )

    @override
    async def UpdateCarrierConfig(
        self, request: pb.UpdateCarrierConfigRequest, context: object
    ) -> pb.UpdateCarrierConfigResponse:
        asked = request.carrier_config
        changed = await self.update.execute(
            caller().account_id,
            _config_id(asked.carrier_config_id, "carrier_config.carrier_config_id"),
            carrier_config_change(asked, request.update_mask),
            given_credentials(asked, request.update_mask),
            asked.etag,
            lifts_hold=lifts_hold(asked, request.update_mask, "carrier_config"),
        )
        return pb.UpdateCarrierConfigResponse(carrier_config=self._message(changed))

    @override
    async def DeleteCarrierConfig(
        self, request: pb.DeleteCarrierConfigRequest, context: object
    ) -> pb.DeleteCarrierConfigResponse:
        await self.configs.delete_carrier_config(
            caller().account_id, _config_id(request.carrier_config_id)
        )
        return pb.DeleteCarrierConfigResponse()

    @override
    async def CheckCarrierConfig(
        self, request: pb.CheckCarrierConfigRequest, context: object
    ) -> pb.CheckCarrierConfigResponse:
        checked = await self.check.execute(
            caller().account_id, _config_id(request.carrier_config_id)
        )
        return pb.CheckCarrierConfigResponse(carrier_config=self._message(checked))

    def _message(self, config: CarrierConfig) -> Message:
        return carrier_config_to_message(config, self.rates)


def _config_id(text: str, path: str = "carrier_config_id") -> CarrierConfigId:
    return CarrierConfigId(required_id(text, path))
