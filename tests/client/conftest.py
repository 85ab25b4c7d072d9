"""A far end, a client and the command of it, for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from client.command_line import Outdial
from client.far_end import FarEnd
from outdial_client import Client


@pytest.fixture
async def far_end() -> AsyncIterator[FarEnd]:
    async with FarEnd() as far_end:
        yield far_end


@pytest.fixture
async def client(far_end: FarEnd) -> AsyncIterator[Client]:
    async with Client(far_end.address, api_key="key-1") as client:
        yield client


@pytest.fixture
def outdial(far_end: FarEnd, tmp_path: Path) -> Outdial:
    """The command, with an empty home and the far end as its server."""
    return Outdial(
        {
            "OUTDIAL_ADDRESS": far_end.address,
            "OUTDIAL_API_KEY": "key-1",
            "XDG_CONFIG_HOME": str(tmp_path),
        }
    )
