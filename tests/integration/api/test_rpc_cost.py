"""What each RPC pays for, however small it is."""

import asyncio

import pytest

from outdial_server.app.server import RunningServer

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_one_task_waits_for_the_next_rpc_however_many_methods_there_are(
    grpc_server: RunningServer,
) -> None:
    # gRPC's own name for it, in its compiled code.
    waiting = [task for task in asyncio.all_tasks() if "AioServer._request_call" in repr(task)]
    assert len(waiting) == 1
