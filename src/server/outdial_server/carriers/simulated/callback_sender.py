"""Sends the simulated carrier's callbacks, each until it is taken or too old."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import httpx
import structlog

from outdial_server.carriers.simulated.http_client import new_client
from outdial_server.carriers.simulated.signature import HEADER, sign

log = structlog.get_logger()

SENDERS: Final = 16
TIMEOUT_SECONDS: Final = 10.0
RETRY_AFTER_SECONDS: Final[Sequence[float]] = (0.2, 0.5, 1, 2, 4, 8, 15, 30, 60, 60)
"""Three minutes in all: a receiver may be killed and started again meanwhile."""


@dataclass(frozen=True, slots=True)
class Callback:
    url: str
    body: bytes
    tries: int = 0


class CallbackSender:
    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._client = new_client(SENDERS, TIMEOUT_SECONDS)
        self._queue: asyncio.Queue[Callback] = asyncio.Queue()
        self._senders: list[asyncio.Task[None]] = []
        self._retries: set[asyncio.TimerHandle] = set()

    def start(self) -> None:
        self._senders = [
            asyncio.create_task(self._send_all(), name=f"callbacks-{n}") for n in range(SENDERS)
        ]

    def send(self, callback: Callback, after_seconds: float = 0) -> None:
        if not after_seconds:
            self._queue.put_nowait(callback)
            return
        loop = asyncio.get_running_loop()

        def enqueue() -> None:
            self._retries.discard(timer)
            self._queue.put_nowait(callback)

        timer = loop.call_later(after_seconds, enqueue)
        self._retries.add(timer)

    async def close(self) -> None:
        for timer in self._retries:
            timer.cancel()
        for sender in self._senders:
            sender.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)
        await self._client.aclose()

    async def _send_all(self) -> None:
        while True:
            callback = await self._queue.get()
            if not await self._taken(callback):
                self._try_again(callback)

    async def _taken(self, callback: Callback) -> bool:
        signature = sign(self._secret, int(time.time()), callback.body)  # noqa: TID251
        headers = {HEADER: signature, "content-type": "application/json"}
        try:
            answer = await self._client.post(callback.url, content=callback.body, headers=headers)
        except httpx.HTTPError:
            return False
        return answer.is_success

    def _try_again(self, callback: Callback) -> None:
        if callback.tries >= len(RETRY_AFTER_SECONDS):
            log.warning("callback.given_up", tries=callback.tries)
            return
        wait = RETRY_AFTER_SECONDS[callback.tries]
        self.send(replace(callback, tries=callback.tries + 1), wait)
