"""The client: one connection, one key."""

import os
from datetime import timedelta
from types import TracebackType
from typing import Self

from outdial.v1.server_info_service_pb2 import GetServerInfoRequest, GetServerInfoResponse
from outdial.v1.server_info_service_pb2_grpc import ServerInfoServiceStub

from outdial_client._accounts import Accounts
from outdial_client._agents import Agents
from outdial_client._batches import Batches
from outdial_client._calls import Calls
from outdial_client._carrier_configs import CarrierConfigs
from outdial_client._channel import TlsConfig, open_channel
from outdial_client._contacts import ContactFolders, Contacts
from outdial_client._external_calls import ExternalCalls
from outdial_client._phone_numbers import PhoneNumbers
from outdial_client._requests import Sender
from outdial_client._scheduled_calls import ScheduledCalls
from outdial_client._suppressions import Suppressions
from outdial_client._throttles import Throttles
from outdial_client._webhooks import Webhooks

DEFAULT_ADDRESS = "127.0.0.1:50051"
DEFAULT_TIMEOUT = timedelta(seconds=30)


class Client:
    """A client of one Outdial server.

        async with Client("127.0.0.1:50051", api_key="...") as client:
            agent = await client.agents.create("Reminder")
            created = await client.batches.create(
                NewBatch(agent_id=agent.agent_id, display_name="Monday"),
                [NewCall(address="+15551230001", template_context={"name": "Ada"})],
            )
            async for update in client.batches.watch(created.batch.batch_id):
                print(update.counts)

    It connects at the first request. Errors of the server come as OutdialError.
    """

    accounts: Accounts
    agents: Agents
    batches: Batches
    scheduled_calls: ScheduledCalls
    calls: Calls
    suppressions: Suppressions
    throttles: Throttles
    contact_folders: ContactFolders
    contacts: Contacts
    phone_numbers: PhoneNumbers
    carrier_configs: CarrierConfigs
    external_calls: ExternalCalls
    webhooks: Webhooks

    def __init__(
        self,
        address: str | None = None,
        *,
        api_key: str | None = None,
        tls: bool | TlsConfig = False,
        timeout: timedelta = DEFAULT_TIMEOUT,
    ) -> None:
        """Must be made where an event loop runs.

        Args:
            address: Host and port; else `OUTDIAL_ADDRESS`, else 127.0.0.1:50051. Of several
                servers on one database `10.0.0.1:50051,10.0.0.2:50051`: one of them is
                talked to, and the next when that one goes away; a watch resumes there.
                ValueError for a list with names in it.
            api_key: Else `OUTDIAL_API_KEY`.
            tls: True for an encrypted connection, or the certificates to use for it.
            timeout: For each request, with its retries. Requests that store long
                lists or wait for carriers may take four times as long; a watch has
                no limit.
        """
        address = address or os.environ.get("OUTDIAL_ADDRESS") or DEFAULT_ADDRESS
        key = os.environ.get("OUTDIAL_API_KEY", "") if api_key is None else api_key
        self._channel = open_channel(address, tls)
        self._sender = Sender(api_key=key, timeout=timeout)
        self._server_info = ServerInfoServiceStub(self._channel)
        self.accounts = Accounts(self._channel, self._sender)
        self.agents = Agents(self._channel, self._sender)
        self.batches = Batches(self._channel, self._sender)
        self.scheduled_calls = ScheduledCalls(self._channel, self._sender)
        self.calls = Calls(self._channel, self._sender)
        self.suppressions = Suppressions(self._channel, self._sender)
        self.throttles = Throttles(self._channel, self._sender)
        self.contact_folders = ContactFolders(self._channel, self._sender)
        self.contacts = Contacts(self._channel, self._sender)
        self.phone_numbers = PhoneNumbers(self._channel, self._sender)
        self.carrier_configs = CarrierConfigs(self._channel, self._sender)
        self.external_calls = ExternalCalls(self._channel, self._sender)
        self.webhooks = Webhooks(self._channel, self._sender)

    async def server_info(self) -> GetServerInfoResponse:
        """Version, features and limits of the server."""
        return await self._sender.send(self._server_info.GetServerInfo, GetServerInfoRequest())

    async def close(self) -> None:
        """Ends what is under way and disconnects."""
        await self._channel.close(grace=None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
