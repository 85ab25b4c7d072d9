"""The server's end of the SIP worker: starts it, starts it again, and hands on what it tells."""

import asyncio
import socket
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import Any, Final

import orjson
import structlog

from outdial_server.carriers.sip.account import NAME
from outdial_server.carriers.sip.messages import (
    LINE_MOST_BYTES,
    Message,
    Order,
    StopOrder,
    order_line,
)
from outdial_server.domain.errors import UnavailableError
from outdial_server.domain.silence import CARRIER_DEADLINE
from outdial_server.ports.callbacks import CallbackInbox
from outdial_server.ports.carrier import RawCallback
from outdial_server.ports.clock import Clock

log = structlog.get_logger()

_MODULE: Final = "outdial_server.carriers.sip.worker"

START_WITHIN_SECONDS: Final = 20.0
STOP_WITHIN_SECONDS: Final = 5.0
AGAIN_FIRST_SECONDS: Final = 0.5
AGAIN_MOST_SECONDS: Final = 30.0
_STORE_AGAIN_SECONDS: Final = 1.0

_DOES_NOT_START: Final = "the SIP worker does not start"


class NoWorkerError(Exception):
    """There is no worker at the moment: not a byte of the order has left."""


class WorkerLostError(Exception):
    """The worker has the order, or may have it, and ended without an answer."""


class CannotListenError(Exception):
    """The text says why."""


class SipSupervisor:
    """One worker for all SIP accounts of this server."""

    def __init__(
        self,
        address: str,
        port: int,
        allowed: str,
        inbox: CallbackInbox,
        clock: Clock,
        answer_within: timedelta = CARRIER_DEADLINE,
    ) -> None:
        """Listens at `address`, which far ends are told; `allowed` is what the operator lets
        requests go to that is not public."""
        self._arguments = (address, str(port), allowed)
        self._inbox = inbox
        self._clock = clock
        self._answer_within_seconds = answer_within.total_seconds()
        self._on_stored: Callable[[], None] = lambda: None
        self._worker: _Worker | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._storing: asyncio.Task[None] | None = None
        self._news: deque[RawCallback] = deque()
        self._has_news = asyncio.Event()
        self._is_closing = False

    @property
    def port(self) -> int:
        """The port that was taken."""
        return int(self._arguments[1])

    @property
    def process_id(self) -> int | None:
        return None if self._worker is None else self._worker.process.pid

    @property
    def knows_since(self) -> datetime | None:
        """The worker knows every call that this server placed from then on."""
        return None if self._worker is None else self._worker.ready_at

    async def start(self, on_stored: Callable[[], None]) -> None:
        """`on_stored` is called when news is in the inbox. Raises CannotListenError."""
        if find_spec("sippy") is None:
            raise CannotListenError("needs the extra: pip install 'outdial[sip]'")
        self._on_stored = on_stored
        self._worker = await self._started()
        # Of chance at first, then always the same: far ends know it.
        self._arguments = (self._arguments[0], str(self._worker.port), self._arguments[2])
        self._storing = asyncio.create_task(self._store_news(), name="sip-news")
        self._keeping = asyncio.create_task(self._keep(), name="sip-worker")

    async def ask(self, order: Order) -> Message:
        """The worker's answer. Raises NoWorkerError and WorkerLostError."""
        if self._worker is None or self._is_closing:
            raise NoWorkerError
        try:
            async with asyncio.timeout(self._answer_within_seconds):
                return await self._worker.ask(order)
        except TimeoutError:
            # It stands still; what it does with the order when it goes on, nobody knows.
            raise WorkerLostError from None

    async def close(self) -> None:
        """Hangs up every call, and keeps what is told of that for the next start."""
        self._is_closing = True
        if self._keeping is None or self._storing is None:
            return
        if self._worker is not None:
            await self._worker.stop()
        self._keeping.cancel()
        with suppress(asyncio.CancelledError):
            await self._keeping
        self._storing.cancel()
        if self._news and not await self._stored_all():
            log.error("sip.news_lost", news=len(self._news))

    async def _keep(self) -> None:
        """Starts the worker again whenever it ends."""
        wait_seconds = AGAIN_FIRST_SECONDS
        while True:
            if self._worker is not None:
                await self._worker.ended()
                code, self._worker = self._worker.process.returncode, None
                if self._is_closing:
                    return
                log.error("sip.worker_ended", exit_code=code)
                wait_seconds = AGAIN_FIRST_SECONDS
            await asyncio.sleep(wait_seconds)
            wait_seconds = min(2 * wait_seconds, AGAIN_MOST_SECONDS)
            try:
                self._worker = await self._started()
            except CannotListenError as error:
                log.error("sip.worker_not_started", because=str(error))  # noqa: TRY400
            else:
                log.info("sip.worker_started")

    async def _started(self) -> "_Worker":
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                _MODULE,
                str(theirs.fileno()),
                *self._arguments,
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                # sippy prints what it cannot read, with whom it was for.
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=LINE_MOST_BYTES)
        worker = _Worker(process, reader, writer, self._take_news)
        try:
            async with asyncio.timeout(START_WITHIN_SECONDS):
                worker.run(await worker.port_taken(), self._clock.now())
        except TimeoutError as error:
            raise CannotListenError(_DOES_NOT_START) from error
        finally:
            if not worker.is_running:
                await worker.kill()
        return worker

    def _take_news(self, carrier_config: str, report: Message) -> None:
        self._news.append(
            RawCallback(NAME, "", "", {}, orjson.dumps(report), carrier_config=carrier_config)
        )
        self._has_news.set()

    async def _store_news(self) -> None:
        """In its order; what cannot be stored now is kept until it can."""
        while True:
            await self._has_news.wait()
            self._has_news.clear()
            while self._news:
                if not await self._stored_all():
                    await asyncio.sleep(_STORE_AGAIN_SECONDS)

    async def _stored_all(self) -> bool:
        """Whoever comes together shares a transaction, so all that has gathered is handed over
        at once; the inbox keeps the order."""
        taken = list(self._news)
        try:
            await asyncio.gather(*(self._inbox.store(one) for one in taken))
        except UnavailableError:
            # Some may be stored; a report that comes twice changes nothing.
            return False
        except Exception:
            log.exception("sip.news_not_stored", news=len(taken))
            return False
        for _ in taken:
            self._news.popleft()
        self._on_stored()
        return True


class _Worker:
    """One worker process, from its start to its end."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        take_news: Callable[[str, Message], None],
    ) -> None:
        self.process = process
        self.port = 0
        self.ready_at: datetime | None = None
        self._reader = reader
        self._writer = writer
        self._take_news = take_news
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._orders = 0
        self._reading: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        return self._reading is not None and not self._reading.done()

    async def port_taken(self) -> int:
        """By its first word. Raises CannotListenError."""
        text = await self._reader.readline()
        said: dict[str, Any] = orjson.loads(text) if text else {"say": "nothing"}
        if said["say"] != "ready":
            raise CannotListenError(said.get("because", _DOES_NOT_START))
        return int(said["port"])

    def run(self, port: int, now: datetime) -> None:
        self.port = port
        self.ready_at = now
        self._reading = asyncio.create_task(self._read(), name="sip-reading")

    async def ask(self, order: Order) -> Message:
        if self._writer.is_closing() or not self.is_running:
            raise NoWorkerError
        self._orders += 1
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[self._orders] = answer
        reference = self._orders
        try:
            self._writer.write(order_line(reference, order))
            return await answer
        finally:
            self._waiting.pop(reference, None)

    async def ended(self) -> None:
        """Once the process is gone and all that it said is read."""
        assert self._reading is not None  # noqa: S101 it runs
        await self._reading
        await self.process.wait()

    async def stop(self) -> None:
        """Hangs up, and waits for the end; a worker that hangs itself is killed."""
        if not self._writer.is_closing():
            self._writer.write(order_line(0, StopOrder()))
        try:
            async with asyncio.timeout(STOP_WITHIN_SECONDS):
                await self.ended()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        self._writer.close()

    async def _read(self) -> None:
        try:
            while text := await self._reader.readline():
                self._take(orjson.loads(text))
        except (ValueError, ConnectionError):
            # A line beyond all bounds, or half of one: it died while it wrote.
            with suppress(ProcessLookupError):
                self.process.kill()
        finally:
            self._writer.close()
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(WorkerLostError())

    def _take(self, message: dict[str, Any]) -> None:
        match message["say"]:
            case "answer":
                answer = self._waiting.get(message["reference"])
                if answer is not None and not answer.done():
                    answer.set_result(message["of"])
            case "news":
                self._take_news(message["carrier_config"], message["of"])
            case "fault":
                log.error("sip.worker_fault", error=message["error"], place=message["place"])
