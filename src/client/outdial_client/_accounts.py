"""Accounts, their limits and their keys."""

from collections.abc import Iterable
from datetime import datetime

from google.protobuf.field_mask_pb2 import FieldMask
from grpc.aio import Channel
from outdial.v1 import account_service_pb2 as messages
from outdial.v1.account_pb2 import Account, ApiKey, ApiKeyScope
from outdial.v1.account_service_pb2_grpc import AccountServiceStub

from outdial_client._number_rules import NumberRules
from outdial_client._pager import Page, Pager
from outdial_client._requests import Sender
from outdial_client._times import to_timestamp


class Accounts:
    """An empty `account_id` means the account of the client's own key."""

    def __init__(self, channel: Channel, sender: Sender) -> None:
        self._stub = AccountServiceStub(channel)
        self._send = sender.send

    async def create(
        self,
        display_name: str,
        *,
        max_concurrent_calls: int = 0,
        reserved_slots: int = 0,
        number_rules: NumberRules | None = None,
        request_id: str = "",
    ) -> Account:
        """Makes an account; needs an operator's key."""
        account = Account(
            display_name=display_name,
            max_concurrent_calls=max_concurrent_calls,
            reserved_slots=reserved_slots,
            number_rules=number_rules.to_message() if number_rules else None,
        )
        request = messages.CreateAccountRequest(account=account, request_id=request_id)
        return (await self._send(self._stub.CreateAccount, request)).account

    async def get(self, account_id: str = "") -> Account:
        """An account with its limits and the slots in use."""
        request = messages.GetAccountRequest(account_id=account_id)
        return (await self._send(self._stub.GetAccount, request)).account

    def list(self, *, page_size: int = 0) -> Pager[Account]:
        """Accounts, oldest first; without an operator's key the own one alone."""

        async def fetch(page_token: str) -> Page[Account]:
            request = messages.ListAccountsRequest(page_size=page_size, page_token=page_token)
            response = await self._send(self._stub.ListAccounts, request)
            return Page(response.accounts, response.next_page_token)

        return Pager(fetch)

    async def update(self, account: Account, fields: Iterable[str]) -> Account:
        """Writes those `fields` of `account`; AbortedError when its etag is out of date."""
        request = messages.UpdateAccountRequest(
            account=account, update_mask=FieldMask(paths=list(fields))
        )
        return (await self._send(self._stub.UpdateAccount, request)).account

    async def create_api_key(
        self,
        display_name: str,
        scopes: Iterable[ApiKeyScope.ValueType],
        *,
        expire_time: datetime | None = None,
        account_id: str = "",
    ) -> messages.CreateApiKeyResponse:
        """Makes a key. The answer alone holds its `secret`."""
        key = ApiKey(
            display_name=display_name, scopes=scopes, expire_time=to_timestamp(expire_time)
        )
        request = messages.CreateApiKeyRequest(api_key=key, account_id=account_id)
        return await self._send(self._stub.CreateApiKey, request)

    def list_api_keys(self, account_id: str = "", *, page_size: int = 0) -> Pager[ApiKey]:
        """Keys, oldest first, revoked ones included."""

        async def fetch(page_token: str) -> Page[ApiKey]:
            request = messages.ListApiKeysRequest(
                account_id=account_id, page_size=page_size, page_token=page_token
            )
            response = await self._send(self._stub.ListApiKeys, request)
            return Page(response.api_keys, response.next_page_token)

        return Pager(fetch)

    async def revoke_api_key(self, api_key_id: str) -> ApiKey:
        """Makes a key useless from the next request on."""
        request = messages.RevokeApiKeyRequest(api_key_id=api_key_id)
        return (await self._send(self._stub.RevokeApiKey, request)).api_key
