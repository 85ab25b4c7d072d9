"""The client for programs without asyncio."""

import asyncio
import gc
import importlib
import inspect
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from outdial.v1.agent_pb2 import Agent
from outdial.v1.agent_service_pb2 import CreateAgentResponse, GetAgentResponse, ListAgentsResponse
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import CreateBatchResponse, GetBatchResponse
from outdial.v1.server_info_service_pb2 import GetServerInfoResponse

from client.far_end import FarEnd, Part, Refusal, Silence, snapshot, update
from client.transfers import ADDED, REACHED, REFUSED, message, row
from outdial_client import (
    ImportProgress,
    ImportRefusedError,
    NewBatch,
    NewCall,
    NotFoundError,
    UnavailableError,
    WatchTiming,
    sync,
)
from outdial_client._sync_runtime import LoopThread

ASYNC_CLASSES = {
    "Accounts": "_accounts",
    "Agents": "_agents",
    "BatchWatch": "_watch",
    "BatchesWatch": "_watch_all",
    "BatchImports": "_batch_imports",
    "Batches": "_batches",
    "Calls": "_calls",
    "CarrierConfigs": "_carrier_configs",
    "ExternalCalls": "_external_calls",
    "Client": "_client",
    "Pager": "_pager",
    "ResultExport": "_export",
    "ScheduledCalls": "_scheduled_calls",
    "Suppressions": "_suppressions",
    "Throttles": "_throttles",
    "Webhooks": "_webhooks",
    "ContactFolders": "_contacts",
    "Contacts": "_contacts",
    "PhoneNumbers": "_phone_numbers",
}
SPECIAL = {
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aclose": "close",
}


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    """Where the far end runs: its own thread, as if it were another machine."""
    loop = LoopThread()
    yield loop
    loop.stop()


@pytest.fixture
def far_end(loop: LoopThread) -> Iterator[FarEnd]:
    far_end = FarEnd()
    loop.run(far_end.start)
    yield far_end
    loop.run(far_end.stop)


@pytest.fixture
def client(far_end: FarEnd) -> Iterator[sync.Client]:
    with sync.Client(far_end.address, api_key="key-1") as client:
        yield client


class Departure:
    """A stream that says something and then nothing, until its reader has gone."""

    def __init__(self, *parts: Part) -> None:
        self._parts = parts
        self.gone = threading.Event()

    async def __call__(self, request: Any) -> Any:
        try:
            for part in self._parts:
                yield part
            yield Silence()
        finally:
            self.gone.set()


def public_methods(kind: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(kind).items()
        if (not name.startswith("_") or name in SPECIAL) and not name.startswith("__init")
    }


def test_the_groups_are_all_there_is() -> None:
    assert set(sync.__all__) == set(ASYNC_CLASSES)


@pytest.mark.parametrize("name", ASYNC_CLASSES)
def test_every_public_method_has_its_twin_with_the_same_parameters(name: str) -> None:
    module = importlib.import_module(f"outdial_client.{ASYNC_CLASSES[name]}")
    methods = public_methods(getattr(module, name))
    assert methods
    for method, original in methods.items():
        twin = vars(getattr(sync, name))[SPECIAL.get(method, method)]
        if isinstance(original, property):
            assert isinstance(twin, property)
            continue
        assert not inspect.iscoroutinefunction(twin)
        assert not inspect.isasyncgenfunction(twin)
        assert parameters(twin) == parameters(original)
        assert bool(twin.__doc__) == bool(original.__doc__)
        assert "await " not in (twin.__doc__ or "")


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    signature = inspect.signature(function)
    return [(p.name, p.kind, p.default) for p in signature.parameters.values()]


def test_requests_and_answers(far_end: FarEnd, client: sync.Client) -> None:
    far_end.answer("CreateAgent", CreateAgentResponse(agent=Agent(agent_id="a-1")))
    assert client.agents.create("Reminder").agent_id == "a-1"
    far_end.answer("CreateBatch", CreateBatchResponse(batch=Batch(batch_id="b-1")))
    batch = NewBatch(agent_id="a-1", display_name="Monday")
    people = (NewCall(address=f"+1555123000{digit}") for digit in range(3))
    assert client.batches.create(batch, people).batch.batch_id == "b-1"
    (request,) = far_end.requests("CreateBatch")
    assert len(request.scheduled_calls) == 3
    assert far_end.received["CreateBatch"][0].metadata["x-api-key"] == "key-1"


def test_errors_are_the_same(far_end: FarEnd, client: sync.Client) -> None:
    far_end.answer("GetAgent", Refusal(code=grpc.StatusCode.NOT_FOUND, reason="AGENT_NOT_FOUND"))
    with pytest.raises(NotFoundError) as caught:
        client.agents.get("a-1")
    assert caught.value.reason == "AGENT_NOT_FOUND"


def test_a_list_is_a_plain_iterator(far_end: FarEnd, client: sync.Client) -> None:
    pages = (
        ListAgentsResponse(agents=[Agent(agent_id="a"), Agent(agent_id="b")], next_page_token="2"),
        ListAgentsResponse(agents=[Agent(agent_id="c")]),
    )
    far_end.answer("ListAgents", *pages)
    assert [agent.agent_id for agent in client.agents.list()] == ["a", "b", "c"]
    far_end.answer("ListAgents", *pages)
    assert [len(page.items) for page in client.agents.list().pages()] == [2, 1]
    far_end.answer("ListAgents", *pages)
    assert len(client.agents.list().to_list()) == 3
    far_end.answer("ListAgents", *pages)
    first = client.agents.list().first()
    assert first is not None


def test_a_watch_goes_on_over_breaks_to_the_end(far_end: FarEnd, client: sync.Client) -> None:
    far_end.watch([snapshot(1), update(2), Refusal()], [update(3), update(4, ended=True)])
    told: list[int] = []
    here = threading.current_thread()

    async def at_once(seconds: float) -> None:
        pass

    def interrupted(interruption: Any) -> None:
        assert threading.current_thread() is here
        told.append(interruption.failures)

    timing = WatchTiming(sleep=lambda s: at_once(s) if s < 20 else no_silence())
    with client.batches.watch("b-1", timing=timing, on_interruption=interrupted) as watch:
        sequences = [event.sequence for message in watch for event in message.events]
    assert sequences == [2, 3, 4]
    assert told == [1]
    assert far_end.tokens() == ["", "after-2"]


async def no_silence() -> None:
    """A silence that never becomes too long."""
    await asyncio.Event().wait()


def test_a_watch_that_is_left_releases_its_stream(far_end: FarEnd, client: sync.Client) -> None:
    by_block, by_collection = Departure(snapshot(1)), Departure(snapshot(1))
    far_end.watch(by_block, by_collection)
    with client.batches.watch("b-1") as watch:
        next(watch)
    assert by_block.gone.wait(10)
    assert list(watch) == []
    for _ in client.batches.watch("b-1"):
        break
    gc.collect()
    assert by_collection.gone.wait(10)


def test_waiting_for_the_end(far_end: FarEnd, client: sync.Client) -> None:
    far_end.watch([snapshot(1), update(2, ended=True)])
    far_end.answer("GetBatch", GetBatchResponse(batch=Batch(batch_id="b-1", sequence=2)))
    assert client.batches.wait_until_ended("b-1").sequence == 2


def test_an_import_reads_a_generator_in_this_thread(far_end: FarEnd, client: sync.Client) -> None:
    far_end.answer("ImportScheduledCalls", ADDED)
    far_end.answer("GetServerInfo", GetServerInfoResponse(version="1"))
    here = threading.current_thread()
    told: list[int] = []

    def people() -> Iterator[NewCall]:
        # It may even use the client.
        assert client.server_info().version == "1"
        for index in range(1_100):
            assert threading.current_thread() is here
            yield NewCall(address=f"+1555{index:07}")

    def progressed(progress: ImportProgress) -> None:
        assert threading.current_thread() is here
        told.append(progress.rows_sent)

    result = client.batches.import_rows(people(), batch_id="b-1", on_progress=progressed)
    assert result.import_id == "i-1"
    assert told == [500, 1_000, 1_100]


def test_lists_are_sent_again_after_a_break_here_too(far_end: FarEnd, client: sync.Client) -> None:
    far_end.answer("ImportScheduledCalls", Refusal(), ADDED)
    client.batches.import_rows([NewCall(address="+15551230001")], batch_id="b-1")
    assert len(far_end.requests("ImportScheduledCalls")) == 2


def test_an_error_of_the_callers_own_comes_back_to_it(far_end: FarEnd, client: sync.Client) -> None:
    far_end.answer("ImportScheduledCalls", ADDED)

    def broken() -> Iterator[NewCall]:
        yield NewCall(address="+15551230001")
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        client.batches.import_rows(broken(), batch_id="b-1")

    def refuse(progress: ImportProgress) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        client.batches.import_csv(
            io.BytesIO(b"phone\n+15551230001\n"), batch_id="b-1", on_progress=refuse
        )


def test_a_refused_import(far_end: FarEnd, client: sync.Client) -> None:
    far_end.answer("ImportScheduledCalls", REFUSED)
    with pytest.raises(ImportRefusedError) as caught:
        client.batches.import_csv(io.BytesIO(b"Phone\nx\n"), batch_id="b-1")
    assert caught.value.columns == {"address": "Phone"}


def test_exports(far_end: FarEnd, client: sync.Client) -> None:
    rows = message(REACHED, row(1))
    leaving = Departure(rows)
    far_end.stream("ExportScheduledCalls", [rows], [rows], [rows], leaving)
    found = [result.scheduled_call.position for result in client.scheduled_calls.export("b-1")]
    assert found == [0, 1]
    target = io.BytesIO()
    assert client.scheduled_calls.export_csv("b-1", target, columns=["position"]) == 2
    assert target.getvalue() == b"position\n0\n1\n"
    target = io.BytesIO()
    assert client.scheduled_calls.export_json_lines("b-1", target) == 2
    assert json.loads(target.getvalue().splitlines()[1])["position"] == 1
    with client.scheduled_calls.export("b-1") as export:
        assert next(export).scheduled_call.position == 0
    assert leaving.gone.wait(10)
    assert export.next_position == 1


def test_several_threads_share_a_client(far_end: FarEnd, client: sync.Client) -> None:
    async def echo(request: Any) -> GetAgentResponse:
        return GetAgentResponse(agent=Agent(agent_id=request.agent_id))

    far_end.answer("GetAgent", echo)
    names = [f"a-{index}" for index in range(200)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: client.agents.get(name).agent_id, names))
    assert found == names


def test_ctrl_c_ends_the_wait_and_the_request(far_end: FarEnd, client: sync.Client) -> None:
    cancelled = threading.Event()

    async def interrupt(request: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    far_end.answer("GetAgent", interrupt)
    with pytest.raises(KeyboardInterrupt):
        client.agents.get("a-1")
    assert cancelled.wait(10)
    far_end.answer("GetServerInfo", GetServerInfoResponse(version="1"))
    assert client.server_info().version == "1"


def test_ctrl_c_ends_a_request_that_is_only_being_begun(
    far_end: FarEnd, client: sync.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, cancelled = threading.Event(), threading.Event()

    async def hang(request: Any) -> Any:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    begin = asyncio.run_coroutine_threadsafe

    def interrupted(work: Any, loop: asyncio.AbstractEventLoop) -> Any:
        """As the interpreter is, behind any of its steps."""
        begin(work, loop)
        assert asked.wait(10)
        raise KeyboardInterrupt

    far_end.answer("GetAgent", hang)
    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "run_coroutine_threadsafe", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.agents.get("a-1")
    assert cancelled.wait(10)


def test_a_client_that_waits_for_itself_is_told(client: sync.Client) -> None:
    with pytest.raises(RuntimeError, match="would wait for itself"):
        client._loop.call(client.server_info)


def run_program(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_program_that_closes_nothing_ends_cleanly(far_end: FarEnd) -> None:
    leaving = Departure(snapshot(1))
    far_end.watch(leaving)
    program = (
        "import sys; from outdial_client.sync import Client;"
        "watch = Client(sys.argv[1]).batches.watch('b-1');"
        "print(next(watch).sequence)"
    )
    done = run_program(program, far_end.address)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
    assert leaving.gone.wait(10)


LEAVING = """
import asyncio
from outdial_client._sync_runtime import shared_loop

async def work(started):
    started.set()
    try:
        await asyncio.Event().wait()
    finally:
        print("cancelled", flush=True)

async def begin():
    started = asyncio.Event()
    global task
    task = asyncio.create_task(work(started))
    await started.wait()

shared_loop().run(begin)
"""


def test_what_is_under_way_is_cancelled_at_exit() -> None:
    done = run_program(LEAVING)
    assert (done.returncode, done.stdout, done.stderr) == (0, "cancelled\n", "")


FORKING = """
import os, sys
from outdial_client.sync import Client
from outdial_client import UnavailableError
client = Client("127.0.0.1:1")
child = os.fork()
if child == 0:
    try:
        client.server_info()
    except RuntimeError as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


def test_a_fork_is_told_to_make_its_own(far_end: FarEnd) -> None:
    done = run_program(FORKING)
    assert "made before the process forked: make one in the child" in done.stdout


def test_no_server_is_an_error_here_too() -> None:
    with sync.Client("127.0.0.1:1") as client, pytest.raises(UnavailableError):
        client.agents.delete("a-1")
