"""A far end and a client of it, for each test."""

from collections.abc import AsyncIterator

import pytest

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
