"""Which scope a key needs for which method."""

from collections.abc import Mapping
from typing import Final

from outdial_server.domain.account import Principal, Scope
from outdial_server.domain.errors import PermissionDeniedError, Reason

# None: any valid key will do. A method that is missing here is served to nobody: a test
# and the start of the server compare the table with the services.
REQUIRED_SCOPE: Final[Mapping[str, Scope | None]] = {
    f"/outdial.v1.{method}": scope
    for method, scope in {
        "ServerInfoService/GetServerInfo": None,
        "AccountService/CreateAccount": Scope.OPERATOR,
        "AccountService/GetAccount": Scope.READ,
        "AccountService/ListAccounts": Scope.READ,
        "AccountService/UpdateAccount": Scope.ADMIN,
        "AccountService/CreateApiKey": Scope.ADMIN,
        "AccountService/ListApiKeys": Scope.ADMIN,
        "AccountService/RevokeApiKey": Scope.ADMIN,
        "AgentService/CreateAgent": Scope.WRITE,
        "AgentService/GetAgent": Scope.READ,
        "AgentService/ListAgents": Scope.READ,
        "AgentService/UpdateAgent": Scope.WRITE,
        "AgentService/DeleteAgent": Scope.WRITE,
        "BatchService/CreateBatch": Scope.WRITE,
        "BatchService/GetBatch": Scope.READ,
        "BatchService/ListBatches": Scope.READ,
        "BatchService/UpdateBatch": Scope.WRITE,
        "BatchService/DeleteBatch": Scope.WRITE,
        "BatchService/StartBatch": Scope.WRITE,
        "BatchService/PauseBatch": Scope.WRITE,
        "BatchService/ResumeBatch": Scope.WRITE,
        "BatchService/CancelBatch": Scope.WRITE,
        "BatchService/AddScheduledCalls": Scope.WRITE,
        "BatchService/WatchBatch": Scope.READ,
        "BatchService/ListBatchEvents": Scope.READ,
        "ScheduledCallService/GetScheduledCall": Scope.READ,
        "ScheduledCallService/ListScheduledCalls": Scope.READ,
        "ScheduledCallService/CancelScheduledCall": Scope.WRITE,
        "CallService/GetCall": Scope.READ,
        "CallService/ListCalls": Scope.READ,
        "CallService/EndCall": Scope.WRITE,
        "CallService/ResolveCall": Scope.WRITE,
    }.items()
}


def check_scope(principal: Principal, needed: Scope | None) -> None:
    """Raises PermissionDeniedError (SCOPE_MISSING)."""
    if needed is not None and needed not in principal.scopes:
        raise PermissionDeniedError(
            Reason.SCOPE_MISSING, f"the key lacks the scope {needed.name}", {"scope": needed.name}
        )
