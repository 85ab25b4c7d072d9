"""The file of a running server, as another program sees it."""

import aiosqlite
import grpc.aio
import pytest
from outdial.v1 import agent_pb2, agent_service_pb2, agent_service_pb2_grpc
from tests.integration.conftest import OPERATOR_KEY

from outdial_server.settings import Settings
from support.grpc import with_key

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_another_program_reads_what_is_committed_while_the_server_runs(
    settings: Settings, grpc_channel: grpc.aio.Channel
) -> None:
    agents = agent_service_pb2_grpc.AgentServiceStub(grpc_channel)
    path = settings.database_url.removeprefix("sqlite:///")
    async with aiosqlite.connect(f"file:{path}?mode=ro", uri=True) as outside:
        for name in ("Ada", "Bo"):
            agent = agent_pb2.Agent(display_name=name)
            request = agent_service_pb2.CreateAgentRequest(agent=agent)
            await agents.CreateAgent(request, metadata=with_key(OPERATOR_KEY))
            rows = await outside.execute_fetchall(
                "SELECT display_name FROM agents ORDER BY key DESC LIMIT 1"
            )
            assert [tuple(row) for row in rows] == [(name,)]
