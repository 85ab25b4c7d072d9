"""What each RPC pays for, however small it is."""

import asyncio

import pytest

from outdial_server.app.server import RunningServer

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_one_task_waits_for_the_next_rpc_however_many_methods_there_are(
    grpc_server: RunningServer,
) -> None:
    # By names in gRPC's compiled code: `_request_call` and `_request_registered_call`.
    waiting = [task for task in asyncio.all_tasks() if "AioServer._request_" in repr(task)]
    assert len(waiting) == 1
