"""Settings, from the environment: `OUTDIAL_GRPC_LISTEN` and so on."""

import sys
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv4Address
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from outdial_server.domain.internet import AddressGuard, parse_networks
from outdial_server.domain.retention import Retention, is_longer, parse_keep, shorter
from outdial_server.domain.silence import LEASE, NOT_FOUND_FINAL_AFTER

_PREFIX: Final = "OUTDIAL_"


class SettingsError(ValueError):
    """A setting that cannot be used; each line names the variable."""


def _host_and_port(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not _is_port(port):
        raise ValueError("must be HOST:PORT, like 127.0.0.1:50051")
    return text


def _is_port(text: str) -> bool:
    return text.isdecimal() and int(text) <= 65_535


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.netloc):
        raise ValueError("must be a URL, like https://dial.example.com")
    return text.rstrip("/")


def _networks(text: str) -> str:
    parse_networks(text.split(","))
    return text


def _keep(text: str) -> str:
    parse_keep(text)
    return text


Listen = Annotated[str, AfterValidator(_host_and_port)]


def _address_and_port(text: str) -> str:
    host, _, port = text.rpartition(":")
    try:
        address = IPv4Address(host)
    except ValueError:
        address = None
    if text and (address is None or address.is_unspecified or not _is_port(port)):
        raise ValueError("must be ADDRESS:PORT with an IPv4 address of this machine")
    return text


SipListen = Annotated[str, AfterValidator(_address_and_port)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Networks = Annotated[str, AfterValidator(_networks)]
Keep = Annotated[str, AfterValidator(_keep)]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True)

    database_url: str = "sqlite:///outdial.db"

    grpc_listen: Listen = "127.0.0.1:50051"
    http_listen: Listen = "127.0.0.1:8080"
    # Where carriers reach the HTTP port; empty means where it listens.
    public_url: HttpUrl = ""

    # Where SIP listens over UDP: an address that far ends reach, since they are told it. Empty
    # means no SIP.
    sip_listen: SipListen = ""

    # If set, this key exists, with all scopes.
    bootstrap_api_key: SecretStr = SecretStr("")

    # Every call goes to the simulated carrier inside the server.
    simulate: bool = False
    # NAME or NAME,setting=value,...
    simulate_profile: str = "default"
    # The simulated carrier as a process of its own, in place of the one inside.
    simulated_carrier_url: HttpUrl = ""
    simulated_carrier_secret: SecretStr = SecretStr("")

    # What other secrets are derived from, such as the unguessable part of callback URLs.
    # Empty means the one in a file beside the database, made at the first start; servers
    # that share a database must share it.
    master_key: SecretStr = SecretStr("")
    # Those before it, one a line: what was made under them still opens.
    old_master_keys: SecretStr = SecretStr("")

    # Addresses and networks, with commas between, that requests may go to although they are
    # not public, or without TLS.
    outgoing_allow: Networks = ""

    # How long a batch dials nobody after a request that its webhook did not take.
    batch_webhook_rest_seconds: float = Field(30.0, ge=0, le=3600)

    # How long a call is this server's alone, while it is claimed and then while it is sent. What
    # a request to a carrier may take is bounded by it, and by 10 s.
    lease_seconds: float = Field(LEASE.total_seconds(), ge=1, le=LEASE.total_seconds())
    # How long a carrier may know nothing of a call before that is believed.
    unknown_settle_seconds: float = Field(NOT_FOUND_FINAL_AFTER.total_seconds(), ge=0)
    # Whether callers of the documented systems' paths are held to the rates of requests that
    # those systems state; docs/rest.md has them.
    vendor_rate_limits: bool = False

    # How long RPCs under way may go on when the server stops.
    drain_seconds: float = Field(5.0, ge=0)

    # How long nothing may come of an import before it is taken for one that broke off.
    import_silence_seconds: float = Field(60.0, gt=0, le=3600)

    # How far ahead a batch may begin; without it as far as there is a calendar.
    schedule_ahead_days: int | None = Field(None, ge=1, le=3660)

    # How long what is over is kept; docs/retention.md says why these.
    keep_events: Keep = "90d"
    keep_payloads: Keep = "never"
    keep_batches: Keep = "never"
    keep_deleted: Keep = "7d"
    keep_calls: Keep = "never"
    keep_imports: Keep = "30d"
    keep_deliveries: Keep = "7d"

    # Without one: console on a terminal, json otherwise.
    log_format: Literal["json", "console"] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _one_simulated_carrier(self) -> "Settings":
        if not self.simulated_carrier_url:
            return self
        if not self.simulated_carrier_secret.get_secret_value():
            raise ValueError(
                "OUTDIAL_SIMULATED_CARRIER_SECRET: is required with OUTDIAL_SIMULATED_CARRIER_URL"
            )
        if not self.public_url and self.http_listen.endswith(":0"):
            raise ValueError("OUTDIAL_PUBLIC_URL: is required for callbacks to a port of chance")
        return self

    @model_validator(mode="after")
    def _parts_are_not_kept_longer_than_the_whole(self) -> "Settings":
        for part, whole in (
            ("keep_events", "keep_batches"),
            ("keep_payloads", "keep_batches"),
            ("keep_batches", "keep_calls"),
        ):
            kept, most = getattr(self, part), getattr(self, whole)
            # The defaults of parts follow the whole.
            given = part == "keep_batches" or part in self.model_fields_set
            if given and is_longer(parse_keep(kept), parse_keep(most)):
                raise ValueError(
                    f"{_PREFIX}{part.upper()}: {kept} is longer than "
                    f"{_PREFIX}{whole.upper()}, {most}"
                )
        return self

    @property
    def retention(self) -> Retention:
        batches = parse_keep(self.keep_batches)
        return Retention(
            events=shorter(parse_keep(self.keep_events), batches),
            payloads=shorter(parse_keep(self.keep_payloads), batches),
            batches=batches,
            deleted=parse_keep(self.keep_deleted),
            calls=parse_keep(self.keep_calls),
            imports=parse_keep(self.keep_imports),
            deliveries=parse_keep(self.keep_deliveries),
        )

    @property
    def outgoing_guard(self) -> AddressGuard:
        """Of requests whose URL comes from a client."""
        return AddressGuard(parse_networks(self.outgoing_allow.split(",")))

    @property
    def callback_base_url(self) -> str:
        return f"{self.public_url or f'http://{self.http_listen}'}/callbacks"

    @property
    def batch_webhook_rest(self) -> timedelta:
        return timedelta(seconds=self.batch_webhook_rest_seconds)

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.lease_seconds)

    @property
    def unknown_settle(self) -> timedelta:
        return timedelta(seconds=self.unknown_settle_seconds)

    @property
    def schedule_ahead(self) -> timedelta | None:
        days = self.schedule_ahead_days
        return None if days is None else timedelta(days=days)

    @property
    def drain(self) -> timedelta:
        return timedelta(seconds=self.drain_seconds)

    @property
    def log_form(self) -> Literal["json", "console"]:
        return self.log_format or ("console" if sys.stderr.isatty() else "json")


def load_settings(**given: Any) -> Settings:
    """From the environment; what is given wins. Raises SettingsError."""
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError("\n".join(_line(fault) for fault in error.errors())) from None


def _line(fault: Mapping[str, Any]) -> str:
    message = fault["msg"].removeprefix("Value error, ")
    names = [str(part).upper() for part in fault["loc"]]
    return f"{_PREFIX}{names[0]}: {message}" if names else message
