"""A whole server in the test's event loop. The fixtures keep the names that pytest-grpc
gives them; its own start a blocking server, ours start Outdial."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio

from outdial_server.app.server import RunningServer, running_server
from outdial_server.settings import Settings

OPERATOR_KEY = "operator.0123456789abcdef0123456789abcdef"

CreateChannel = Callable[..., grpc.aio.Channel]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder: Path = tmp_path_factory.mktemp("server")
    return Settings(
        database_url=f"sqlite:///{folder / 'outdial.db'}",
        grpc_listen="127.0.0.1:0",
        http_listen="127.0.0.1:0",
        bootstrap_api_key=OPERATOR_KEY,
        simulate=True,
        simulate_profile="fast",
        drain_seconds=0.2,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grpc_server(settings: Settings) -> AsyncIterator[RunningServer]:
    async with running_server(settings) as server:
        yield server


@pytest.fixture(scope="module")
def grpc_addr(grpc_server: RunningServer) -> str:
    return f"127.0.0.1:{grpc_server.grpc_port}"


@pytest.fixture(scope="module")
def grpc_create_channel(grpc_addr: str) -> CreateChannel:
    def create(credentials: Any = None, options: Any = None) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(grpc_addr, options)

    return create


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grpc_channel(grpc_create_channel: CreateChannel) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc_create_channel() as channel:
        yield channel
