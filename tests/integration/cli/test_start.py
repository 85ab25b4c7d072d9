"""A start, from within."""

import asyncio
import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import grpc.aio
import pytest

from outdial_server.app.server import running_server, serve
from outdial_server.engine import Engine
from outdial_server.settings import Settings
from support.grpc import call, with_key
from support.processes import free_port

KEY = "operator.0123456789abcdef0123456789abcdef"


async def test_the_key_of_the_settings_works_as_soon_as_the_port_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine starts behind the ports: who asks as early as that is no stranger."""
    port = free_port()
    asked: list[str] = []

    async def ask_first(engine: Engine) -> None:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            answer = await call(channel, "GetServerInfo", with_key(KEY))
        asked.append(answer.version)
        await start(engine)

    start = Engine.start
    monkeypatch.setattr(Engine, "start", ask_first)
    settings = Settings(
        database_url=f"sqlite:///{tmp_path / 'outdial.db'}",
        grpc_listen=f"127.0.0.1:{port}",
        http_listen="127.0.0.1:0",
        bootstrap_api_key=KEY,
        drain_seconds=0.2,
    )
    async with running_server(settings) as server:
        assert server.first_secret is None
    assert asked


@pytest.fixture
def no_collections() -> Iterator[None]:
    """As `outdial-server serve` loads what it is made of."""
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


@pytest.mark.usefixtures("no_collections")
async def test_garbage_is_collected_once_the_server_stands(tmp_path: Path) -> None:
    up = asyncio.Event()
    settings = Settings(
        database_url=f"sqlite:///{tmp_path / 'outdial.db'}",
        grpc_listen="127.0.0.1:0",
        http_listen="127.0.0.1:0",
        drain_seconds=0.2,
    )
    serving = asyncio.create_task(serve(settings, lambda server: up.set()))
    await up.wait()
    try:
        assert gc.isenabled()
        assert gc.get_freeze_count()
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        await serving
