"""Which scopes open which method."""

from collections.abc import Mapping
from typing import Final

from outdial_server.domain.account import Principal, Scope
from outdial_server.domain.errors import PermissionDeniedError, Reason

_ANY_KEY: Final[tuple[Scope, ...]] = ()
_OPERATOR: Final = (Scope.OPERATOR,)
_ADMIN: Final = (Scope.ADMIN, Scope.OPERATOR)
_READ: Final = (Scope.READ,)
_WRITE: Final = (Scope.WRITE,)

# One of the scopes is enough. A method that is missing here is served to nobody: a test
# and the start of the server compare the table with the services.
REQUIRED_SCOPES: Final[Mapping[str, tuple[Scope, ...]]] = {
    f"/outdial.v1.{method}": scopes
    for method, scopes in {
        "ServerInfoService/GetServerInfo": _ANY_KEY,
        "AccountService/CreateAccount": _OPERATOR,
        "AccountService/GetAccount": (Scope.READ, Scope.OPERATOR),
        "AccountService/ListAccounts": (Scope.READ, Scope.OPERATOR),
        "AccountService/UpdateAccount": _ADMIN,
        "AccountService/CreateApiKey": _ADMIN,
        "AccountService/ListApiKeys": _ADMIN,
        "AccountService/RevokeApiKey": _ADMIN,
        "AgentService/CreateAgent": _WRITE,
        "AgentService/GetAgent": _READ,
        "AgentService/ListAgents": _READ,
        "AgentService/UpdateAgent": _WRITE,
        "AgentService/DeleteAgent": _WRITE,
        "BatchService/CreateBatch": _WRITE,
        "BatchService/GetBatch": _READ,
        "BatchService/ListBatches": _READ,
        "BatchService/UpdateBatch": _WRITE,
        "BatchService/EstimateWindow": _READ,
        "BatchService/DeleteBatch": _WRITE,
        "BatchService/StartBatch": _WRITE,
        "BatchService/PauseBatch": _WRITE,
        "BatchService/ResumeBatch": _WRITE,
        "BatchService/CancelBatch": _WRITE,
        "BatchService/AddScheduledCalls": _WRITE,
        "BatchService/ImportScheduledCalls": _WRITE,
        "BatchService/GetImport": _READ,
        "BatchService/ListImportFindings": _READ,
        "BatchService/RetryBatch": _WRITE,
        "BatchService/WatchBatch": _READ,
        "BatchService/WatchBatches": _READ,
        "BatchService/ListBatchEvents": _READ,
        "BatchService/ExplainBatch": _READ,
        "BatchService/ForecastBatch": _READ,
        "ScheduledCallService/GetScheduledCall": _READ,
        "ScheduledCallService/ListScheduledCalls": _READ,
        "ScheduledCallService/CancelScheduledCall": _WRITE,
        "ScheduledCallService/RetryScheduledCall": _WRITE,
        "ScheduledCallService/ExportScheduledCalls": _READ,
        "SuppressionService/CreateSuppressions": _WRITE,
        "SuppressionService/GetSuppression": _READ,
        "SuppressionService/ListSuppressions": _READ,
        "SuppressionService/DeleteSuppression": _WRITE,
        "ScheduledCallService/ExplainScheduledCall": _READ,
        "ThrottleService/CreateThrottle": _WRITE,
        "ThrottleService/GetThrottle": _READ,
        "ThrottleService/ListThrottles": _READ,
        "ThrottleService/UpdateThrottle": _WRITE,
        "ThrottleService/DeleteThrottle": _WRITE,
        "ContactFolderService/CreateContactFolder": _WRITE,
        "ContactFolderService/GetContactFolder": _READ,
        "ContactFolderService/ListContactFolders": _READ,
        "ContactFolderService/UpdateContactFolder": _WRITE,
        "ContactFolderService/DeleteContactFolder": _WRITE,
        "ContactService/CreateContact": _WRITE,
        "ContactService/GetContact": _READ,
        "ContactService/ListContacts": _READ,
        "ContactService/UpdateContact": _WRITE,
        "ContactService/DeleteContact": _WRITE,
        "ContactService/ImportContacts": _WRITE,
        "PhoneNumberService/CreatePhoneNumber": _WRITE,
        "PhoneNumberService/GetPhoneNumber": _READ,
        "PhoneNumberService/ListPhoneNumbers": _READ,
        "PhoneNumberService/UpdatePhoneNumber": _WRITE,
        "PhoneNumberService/DeletePhoneNumber": _WRITE,
        "PhoneNumberService/BindPhoneNumber": _WRITE,
        "PhoneNumberService/UnbindPhoneNumber": _WRITE,
        "CarrierConfigService/CreateCarrierConfig": _WRITE,
        "CarrierConfigService/GetCarrierConfig": _READ,
        "CarrierConfigService/ListCarrierConfigs": _READ,
        "CarrierConfigService/UpdateCarrierConfig": _WRITE,
        "CarrierConfigService/DeleteCarrierConfig": _WRITE,
        "CarrierConfigService/CheckCarrierConfig": _WRITE,
        "WebhookService/CreateWebhook": _WRITE,
        "WebhookService/GetWebhook": _READ,
        "WebhookService/ListWebhooks": _READ,
        "WebhookService/UpdateWebhook": _WRITE,
        "WebhookService/DeleteWebhook": _WRITE,
        "WebhookService/RotateWebhookSecret": _WRITE,
        "WebhookService/ListWebhookDeliveries": _READ,
        "WebhookService/RedeliverWebhookEvents": _WRITE,
        "WebhookService/SendTestWebhook": _WRITE,
        "ExternalCallService/ReportExternalCall": _WRITE,
        "ExternalCallService/EndExternalCall": _WRITE,
        "ExternalCallService/ListExternalCalls": _READ,
        "CallService/CreateCall": _WRITE,
        "CallService/GetCall": _READ,
        "CallService/ListCalls": _READ,
        "CallService/DeleteCall": _WRITE,
        "CallService/EndCall": _WRITE,
        "CallService/ResolveCall": _WRITE,
        "CallService/ReportCallEvent": _WRITE,
    }.items()
}


def check_scope(principal: Principal, needed: tuple[Scope, ...]) -> None:
    """Raises PermissionDeniedError (SCOPE_MISSING)."""
    if needed and principal.scopes.isdisjoint(needed):
        raise PermissionDeniedError(
            Reason.SCOPE_MISSING,
            f"the key lacks the scope {' or '.join(scope.name for scope in needed)}",
            {"scope": needed[0].name},
        )
