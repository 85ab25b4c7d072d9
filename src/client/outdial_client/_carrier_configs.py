"""Carrier configs."""

from collections.abc import Iterable, Mapping
from typing import TypedDict, Unpack

from google.protobuf.field_mask_pb2 import FieldMask
from grpc.aio import Channel
from outdial.v1 import carrier_config_service_pb2 as messages
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.carrier_config_service_pb2_grpc import CarrierConfigServiceStub
from outdial.v1.carrier_credentials_pb2 import (
    PlivoCredentials,
    SipCredentials,
    TelnyxCredentials,
    TwilioCredentials,
)

from outdial_client._pager import Page, Pager
from outdial_client._requests import Sender


class CarrierCredentials(TypedDict, total=False):
    """What an account is opened with, under the name of its carrier."""

    twilio: TwilioCredentials | None
    telnyx: TelnyxCredentials | None
    plivo: PlivoCredentials | None
    sip: SipCredentials | None


class CarrierConfigs:
    """Accounts at carriers: what they are opened with, and how they limit us, which all batches
    share that name one."""

    def __init__(self, channel: Channel, sender: Sender) -> None:
        self._stub = CarrierConfigServiceStub(channel)
        self._send = sender.send

    async def create(
        self,
        display_name: str,
        carrier: str,
        *,
        max_concurrent_calls: int = 0,
        calls_per_second: float = 0,
        metadata: Mapping[str, str] | None = None,
        request_id: str = "",
        **credentials: Unpack[CarrierCredentials],
    ) -> CarrierConfig:
        """Makes a carrier config; AlreadyExistsError when the name is taken.

        `carrier` is one that `client.server_info()` lists. `calls_per_second` is 0.01 to
        1000, and 0 means the carrier's own default, if it has one. `twilio`, `telnyx`, `plivo`
        and `sip`
        go with the carrier of that name, so at most one is given (else ValueError); their
        secrets are kept encrypted and never shown again.
        """
        if sum(given is not None for given in credentials.values()) > 1:
            raise ValueError("a carrier config has the credentials of one carrier")
        config = CarrierConfig(
            display_name=display_name,
            carrier=carrier,
            max_concurrent_calls=max_concurrent_calls,
            calls_per_second=calls_per_second,
            metadata=metadata or {},
            **credentials,
        )
        request = messages.CreateCarrierConfigRequest(carrier_config=config, request_id=request_id)
        return (await self._send(self._stub.CreateCarrierConfig, request)).carrier_config

    async def get(self, carrier_config_id: str) -> CarrierConfig:
        """One carrier config, by its id."""
        request = messages.GetCarrierConfigRequest(carrier_config_id=carrier_config_id)
        return (await self._send(self._stub.GetCarrierConfig, request)).carrier_config

    async def find(self, display_name: str) -> CarrierConfig | None:
        """The carrier config of exactly this name, if there is one."""
        return await self.list(display_name=display_name).first()

    def list(self, *, display_name: str = "", page_size: int = 0) -> Pager[CarrierConfig]:
        """Carrier configs, oldest first."""

        async def fetch(page_token: str) -> Page[CarrierConfig]:
            request = messages.ListCarrierConfigsRequest(
                page_size=page_size, page_token=page_token, display_name=display_name
            )
            response = await self._send(self._stub.ListCarrierConfigs, request)
            return Page(response.carrier_configs, response.next_page_token)

        return Pager(fetch)

    async def update(self, carrier_config: CarrierConfig, fields: Iterable[str]) -> CarrierConfig:
        """Writes those `fields` of `carrier_config`; AbortedError when its etag is out of
        date. Credentials (`twilio`, `telnyx`, `plivo`, `sip`) are written as a whole, with
        their secrets."""
        request = messages.UpdateCarrierConfigRequest(
            carrier_config=carrier_config, update_mask=FieldMask(paths=list(fields))
        )
        return (await self._send(self._stub.UpdateCarrierConfig, request)).carrier_config

    async def delete(self, carrier_config_id: str) -> None:
        """Deletes a carrier config that no unfinished batch names."""
        request = messages.DeleteCarrierConfigRequest(carrier_config_id=carrier_config_id)
        await self._send(self._stub.DeleteCarrierConfig, request)

    async def check(self, carrier_config_id: str) -> CarrierConfig:
        """Asks the carrier whether it takes the credentials, and returns the carrier config;
        nobody is called. FailedPreconditionError (CARRIER_CREDENTIALS_REFUSED) when it does
        not, UnavailableError when it cannot be asked."""
        request = messages.CheckCarrierConfigRequest(carrier_config_id=carrier_config_id)
        return (await self._send(self._stub.CheckCarrierConfig, request)).carrier_config
