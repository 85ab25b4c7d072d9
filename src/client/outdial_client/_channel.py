"""How this client connects: address, encryption, keepalive, sizes and retries."""

import json
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote

import grpc
from grpc.aio import Channel, insecure_channel, secure_channel

MAX_MESSAGE_BYTES = 34 * 1024 * 1024

# Methods that may be sent twice: they only read, they set a state that may be
# set again, or they carry a request id. The others answer differently the
# second time (a deleted batch is not found), which would hide that the first
# time has worked.
_RETRIED_METHODS = {
    "ServerInfoService": ("GetServerInfo",),
    "AccountService": (
        "CreateAccount",
        "GetAccount",
        "ListAccounts",
        "ListApiKeys",
        "RevokeApiKey",
    ),
    "AgentService": ("CreateAgent", "GetAgent", "ListAgents"),
    "BatchService": (
        "AddScheduledCalls",
        "CancelBatch",
        "CreateBatch",
        "EstimateWindow",
        "ExplainBatch",
        "ForecastBatch",
        "GetBatch",
        "GetImport",
        "ListBatchEvents",
        "ListBatches",
        "ListImportFindings",
        "PauseBatch",
        "ResumeBatch",
        "RetryBatch",
    ),
    "ScheduledCallService": (
        "GetScheduledCall",
        "ListScheduledCalls",
        "ExplainScheduledCall",
        "RetryScheduledCall",
    ),
    "ExternalCallService": ("EndExternalCall", "ListExternalCalls", "ReportExternalCall"),
    "CallService": ("CreateCall", "GetCall", "ListCalls"),
    "SuppressionService": ("GetSuppression", "ListSuppressions"),
    "ContactFolderService": ("CreateContactFolder", "GetContactFolder", "ListContactFolders"),
    "ContactService": ("CreateContact", "GetContact", "ListContacts"),
    "ThrottleService": ("CreateThrottle", "GetThrottle", "ListThrottles"),
    "PhoneNumberService": ("CreatePhoneNumber", "GetPhoneNumber", "ListPhoneNumbers"),
    "WebhookService": (
        "CreateWebhook",
        "GetWebhook",
        "ListWebhookDeliveries",
        "ListWebhooks",
    ),
    "CarrierConfigService": ("CreateCarrierConfig", "GetCarrierConfig", "ListCarrierConfigs"),
}

_SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [
                {"service": f"outdial.v1.{service}", "method": method}
                for service, methods in _RETRIED_METHODS.items()
                for method in methods
            ],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.1s",
                "maxBackoff": "3s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}

_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.enable_retries", 1),
    # A request larger than this buffer is never retried; the default is 256 KiB.
    ("grpc.per_rpc_retry_buffer_size", MAX_MESSAGE_BYTES + 1024),
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    # Finds a dead connection under a request that waits long. A watch notices by
    # itself, by missing heartbeats.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A server that comes back is noticed soon; the default waits up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsConfig:
    """Certificates, as PEM bytes."""

    root_certificates: bytes | None = None
    """Who may sign the server's certificate; None means the roots that gRPC ships."""
    client_certificate: bytes | None = None
    """For a server that asks its clients for one; goes with `client_private_key`."""
    client_private_key: bytes | None = None


def target_of(address: str) -> str:
    """What gRPC calls one server, or several with commas between: it connects to the first that
    can be reached, and to the next when that one goes away. Raises ValueError for several that
    it could not tell apart from names to look up."""
    listed = [part.strip() for part in address.split(",") if part.strip()]
    if len(listed) < 2 or address.startswith(("ipv4:", "ipv6:")):
        return address
    for version, escape in ((4, str), (6, quote)):
        if all(_is_of(version, part) for part in listed):
            return f"ipv{version}:{','.join(map(escape, listed))}"
    raise ValueError(
        f"address: {address!r} must be ADDRESS:PORT,ADDRESS:PORT with IPv4 addresses, or with "
        "[IPv6] addresses; a name that stands for several needs no list: dns:///NAME:PORT"
    )


def _is_of(version: int, host_and_port: str) -> bool:
    host, _, port = host_and_port.rpartition(":")
    try:
        return ip_address(host.strip("[]")).version == version and port.isdecimal()
    except ValueError:
        return False


def open_channel(address: str, tls: bool | TlsConfig) -> Channel:
    """A channel to `address`; it connects at the first request."""
    target = target_of(address)
    if tls is False:
        return insecure_channel(target, options=_OPTIONS)
    config = TlsConfig() if tls is True else tls
    credentials = grpc.ssl_channel_credentials(
        root_certificates=config.root_certificates,
        private_key=config.client_private_key,
        certificate_chain=config.client_certificate,
    )
    return secure_channel(target, credentials, options=_OPTIONS)
