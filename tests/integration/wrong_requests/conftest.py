"""A server whose calls stay as they are while requests are refused."""

from pathlib import Path

import grpc.aio
import pytest
import pytest_asyncio
from tests.integration.conftest import OPERATOR_KEY
from tests.integration.wrong_requests.world import PROFILE, World, build_world

from outdial_server.settings import Settings


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("server")
    return str(folder / "outdial.db")


@pytest.fixture(scope="module")
def settings(database: str) -> Settings:
    return Settings(
        database_url=f"sqlite:///{database}",
        grpc_listen="127.0.0.1:0",
        http_listen="127.0.0.1:0",
        bootstrap_api_key=OPERATOR_KEY,
        simulate=True,
        simulate_profile=PROFILE,
        drain_seconds=0.2,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(grpc_channel: grpc.aio.Channel, database: str) -> World:
    return await build_world(grpc_channel, database)
