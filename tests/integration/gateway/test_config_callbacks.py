"""Callbacks to the URL of a carrier config, when its credentials have just become others."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from outdial_server.carriers.simulated.http import HttpSimulatedCarrier
from outdial_server.carriers.simulated.signature import HEADER, sign
from outdial_server.domain.carrier_config import NEWEST_REVISION, ConfigRef
from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.gateway import (
    NATIVE_PREFIX,
    CallbackRoutes,
    CallbackTokens,
    Health,
    HttpServer,
    NativeApp,
    build_http_app,
)
from outdial_server.ports.carrier import Carrier, RawCallback

BODY = b'{"id": "SIM1", "call_id": "ours", "status": "ringing", "disposition": null}'
PATH = "/callbacks/simulated/k-1/token-of-k-1"


class Port:
    """The account as this server has it open, and as another one has just written it."""

    def __init__(self) -> None:
        self.known = HttpSimulatedCarrier("http://127.0.0.1:9", "old secret", "http://unused")
        self.newest = HttpSimulatedCarrier("http://127.0.0.1:9", "new secret", "http://unused")
        self.asked: list[ConfigRef | None] = []
        self.failure: Exception | None = None
        self.taken: list[tuple[RawCallback, Carrier]] = []
        self.client: httpx.AsyncClient

    async def find(self, name: str, config: ConfigRef | None) -> HttpSimulatedCarrier | None:
        self.asked.append(config)
        if self.failure is not None:
            raise self.failure
        if config is None or config.config_id != "k-1":
            return None
        return self.newest if config.revision == NEWEST_REVISION else self.known

    async def take(self, callback: RawCallback, carrier: Carrier) -> None:
        self.taken.append((callback, carrier))

    async def call_back(self, secret: str, path: str = PATH) -> int:
        headers = {HEADER: sign(secret, 1_700_000_000, BODY)}
        return (await self.client.post(path, content=BODY, headers=headers)).status_code


async def scrape() -> bytes:
    return b""


@asynccontextmanager
async def open_port() -> AsyncIterator[Port]:
    port = Port()
    tokens = CallbackTokens("own-token", lambda config_id: f"token-of-{config_id}")
    routes = CallbackRoutes(tokens, port.find, port.take)
    server = HttpServer(
        build_http_app(
            lambda: Health(is_ready=True, obstacles={}),
            scrape,
            routes,
            {NATIVE_PREFIX: NativeApp(())},
        ),
        "127.0.0.1:0",
    )
    number = await server.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{number}") as client:
        port.client = client
        yield port
    await server.stop()
    await port.known.close()
    await port.newest.close()


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    async with open_port() as port:
        yield port


async def test_it_is_handed_on_with_its_config_and_without_asking_the_store(port: Port) -> None:
    assert await port.call_back("old secret", f"{PATH}/status") == 204
    [(taken, carrier)] = port.taken
    assert (taken.carrier_config, taken.path) == ("k-1", "status")
    assert carrier is port.known
    assert [config and config.revision for config in port.asked] == [0]


async def test_one_under_credentials_that_another_server_wrote_is_taken(port: Port) -> None:
    assert await port.call_back("new secret") == 204
    assert await port.call_back("nobody's secret") == 403
    assert len(port.taken) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/callbacks/simulated/k-1/token-of-k-2",
        "/callbacks/simulated/k-1/own-token",
        "/callbacks/simulated/k-1",
        "/callbacks/simulated/k-2/token-of-k-2",
        "/callbacks/simulated/own-token",
    ],
)
async def test_what_leads_to_no_account_is_not_found(port: Port, path: str) -> None:
    assert await port.call_back("old secret", path) == 404


async def test_while_the_store_is_away_the_carrier_is_told_to_come_again(port: Port) -> None:
    port.failure = UnavailableError(Reason.DATABASE_UNAVAILABLE, "the database is away")
    assert await port.call_back("old secret") == 503
    assert port.taken == []
