"""AccountService."""

from dataclasses import dataclass

from outdial.v1 import account_service_pb2 as pb
from outdial.v1.account_service_pb2_grpc import AccountServiceServicer
from typing_extensions import override

from outdial_server.api.caller import caller
from outdial_server.api.conversion.account import (
    account_change,
    account_to_message,
    api_key_to_message,
    new_account,
    scopes_from_message,
)
from outdial_server.api.conversion.ids import canonical, required_id
from outdial_server.api.conversion.request import page_of, take_request_key
from outdial_server.api.conversion.times import moment
from outdial_server.commands.accounts import CreateAccount, UpdateAccount
from outdial_server.commands.keys import ALL_SCOPES, Authenticate, CreateKey
from outdial_server.domain.account import Account
from outdial_server.domain.errors import NotFoundError, Reason
from outdial_server.domain.ids import AccountId, ApiKeyId
from outdial_server.domain.paging import Page, PageRequest, page_token_invalid
from outdial_server.ports.accounts import AccountStore, KeyStore


@dataclass(frozen=True)
class AccountServicer(AccountServiceServicer):
    accounts: AccountStore
    keys: KeyStore
    create_account: CreateAccount
    update_account: UpdateAccount
    create_key: CreateKey
    authenticate: Authenticate

    @override
    async def CreateAccount(
        self, request: pb.CreateAccountRequest, context: object
    ) -> pb.CreateAccountResponse:
        key = take_request_key(caller().account_id, request)
        account = await self.create_account.execute(new_account(request.account), key)
        return pb.CreateAccountResponse(account=account_to_message(account))

    @override
    async def GetAccount(
        self, request: pb.GetAccountRequest, context: object
    ) -> pb.GetAccountResponse:
        account = await self.accounts.get_account(_account_id(request.account_id))
        return pb.GetAccountResponse(account=account_to_message(account))

    @override
    async def ListAccounts(
        self, request: pb.ListAccountsRequest, context: object
    ) -> pb.ListAccountsResponse:
        page = await self._visible_accounts(page_of(request))
        return pb.ListAccountsResponse(
            accounts=map(account_to_message, page.items), next_page_token=page.next_token
        )

    @override
    async def UpdateAccount(
        self, request: pb.UpdateAccountRequest, context: object
    ) -> pb.UpdateAccountResponse:
        account = await self.update_account.execute(
            _account_id(request.account.account_id),
            account_change(request.account, request.update_mask),
            by_operator=caller().is_operator,
            etag=request.account.etag,
        )
        return pb.UpdateAccountResponse(account=account_to_message(account))

    @override
    async def CreateApiKey(
        self, request: pb.CreateApiKeyRequest, context: object
    ) -> pb.CreateApiKeyResponse:
        wanted = request.api_key
        expires = wanted.HasField("expire_time")
        key, secret = await self.create_key.execute(
            _account_id(request.account_id),
            wanted.display_name,
            scopes_from_message(wanted),
            moment(wanted.expire_time, "api_key.expire_time") if expires else None,
            granted_by=ALL_SCOPES if caller().is_operator else caller().scopes,
        )
        return pb.CreateApiKeyResponse(api_key=api_key_to_message(key), secret=secret)

    @override
    async def ListApiKeys(
        self, request: pb.ListApiKeysRequest, context: object
    ) -> pb.ListApiKeysResponse:
        account_id = _account_id(request.account_id)
        page = await self.keys.list_keys(account_id, page_of(request))
        return pb.ListApiKeysResponse(
            api_keys=map(api_key_to_message, page.items), next_page_token=page.next_token
        )

    @override
    async def RevokeApiKey(
        self, request: pb.RevokeApiKeyRequest, context: object
    ) -> pb.RevokeApiKeyResponse:
        account_id = None if caller().is_operator else caller().account_id
        key_id = ApiKeyId(required_id(request.api_key_id, "api_key_id"))
        key = await self.keys.revoke_key(account_id, key_id)
        self.authenticate.forget()
        return pb.RevokeApiKeyResponse(api_key=api_key_to_message(key))

    async def _visible_accounts(self, page: PageRequest) -> Page[Account]:
        if caller().is_operator:
            return await self.accounts.list_accounts(page)
        if page.token:
            raise page_token_invalid()
        return Page((await self.accounts.get_account(caller().account_id),), "")


def _account_id(named: str) -> AccountId:
    """The caller's own account if none is named. Another one is there for operators
    alone: to everybody else it does not exist."""
    own = caller().account_id
    account_id = AccountId(canonical(named)) if named else own
    if account_id != own and not caller().is_operator:
        raise NotFoundError(
            Reason.ACCOUNT_NOT_FOUND, f"there is no account {named!r}", {"id": named}
        )
    return account_id
