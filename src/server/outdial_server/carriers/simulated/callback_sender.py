"""Sends the simulated carrier's callbacks, each until it is taken or too old."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import structlog

from outdial_server.carriers.http_exchange import (
    AnswerLostError,
    HttpExchange,
    NothingSentError,
)
from outdial_server.carriers.simulated.signature import HEADER, sign
from outdial_server.ports.clock import Clock

log = structlog.get_logger()

SENDERS: Final = 16
DEADLINE: Final = timedelta(seconds=10)
RETRY_AFTER_SECONDS: Final[Sequence[float]] = (0.2, 0.5, 1, 2, 4, 8, 15, 30, 60, 60)
"""Three minutes in all: a receiver may be killed and started again meanwhile."""

PENDING_MOST: Final = 500_000
"""Callbacks that wait, to be sent or sent again; beyond it they are lost, and logged."""


@dataclass(frozen=True, slots=True)
class Callback:
    url: str
    body: bytes
    tries: int = 0


class CallbackSender:
    def __init__(
        self,
        secret: str,
        clock: Clock,
        retry_after_seconds: Sequence[float] = RETRY_AFTER_SECONDS,
    ) -> None:
        self._secret = secret
        self._clock = clock
        self._retry_after_seconds = retry_after_seconds
        self._exchange = HttpExchange(DEADLINE, SENDERS)
        self._queue: asyncio.Queue[Callback] = asyncio.Queue()
        self._senders: list[asyncio.Task[None]] = []
        self._delayed: set[asyncio.TimerHandle] = set()

    def start(self) -> None:
        self._senders = [
            asyncio.create_task(self._send_all(), name=f"callbacks-{n}") for n in range(SENDERS)
        ]

    def send(self, callback: Callback, after_seconds: float = 0) -> None:
        if self._queue.qsize() + len(self._delayed) >= PENDING_MOST:
            log.error("callback.dropped", pending=PENDING_MOST)
        elif after_seconds > 0:
            self._delay(callback, after_seconds)
        else:
            self._queue.put_nowait(callback)

    async def close(self) -> None:
        """What has not been taken by now is lost."""
        for timer in self._delayed:
            timer.cancel()
        for sender in self._senders:
            sender.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)
        await self._exchange.close()

    def _delay(self, callback: Callback, seconds: float) -> None:
        def enqueue() -> None:
            self._delayed.discard(timer)
            self._queue.put_nowait(callback)

        timer = asyncio.get_running_loop().call_later(seconds, enqueue)
        self._delayed.add(timer)

    async def _send_all(self) -> None:
        while True:
            callback = await self._queue.get()
            if not await self._is_taken(callback):
                self._try_again(callback)

    async def _is_taken(self, callback: Callback) -> bool:
        signed_at = int(self._clock.now().timestamp())
        headers = {
            HEADER: sign(self._secret, signed_at, callback.body),
            "content-type": "application/json",
        }
        try:
            answer = await self._exchange.post(callback.url, callback.body, headers)
        except (NothingSentError, AnswerLostError):
            return False
        return answer.is_success

    def _try_again(self, callback: Callback) -> None:
        if callback.tries >= len(self._retry_after_seconds):
            log.warning("callback.given_up", tries=callback.tries)
            return
        wait_seconds = self._retry_after_seconds[callback.tries]
        self.send(replace(callback, tries=callback.tries + 1), wait_seconds)
