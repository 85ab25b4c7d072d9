"""Sends the simulated carrier's callbacks, each until it is taken or too old."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby
from typing import Final

import structlog

from outdial_server.carriers.simulated.signature import HEADER, sign
from outdial_server.outgoing.answer import AnswerLostError, NothingSentError
from outdial_server.outgoing.exchange import HttpExchange
from outdial_server.ports.clock import Clock

log = structlog.get_logger()

SENDERS: Final = 64
"""A receiver that stores before it answers takes its time over each, and many at once."""

DEADLINE: Final = timedelta(seconds=10)
RETRY_AFTER_SECONDS: Final[Sequence[float]] = (0.2, 0.5, 1, 2, 4, 8, 15, 30, 60, 60)
"""Three minutes in all: a receiver may be killed and started again meanwhile."""

PENDING_MOST: Final = 500_000
"""News that waits, to be sent or sent again; beyond it news is lost, and that is logged."""


@dataclass(frozen=True, slots=True)
class News:
    """One thing to tell, as JSON, and where."""

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
        # Above 1, what waits for the same URL goes together, as a JSON array.
        self.news_per_callback = 1
        self._secret = secret
        self._clock = clock
        self._retry_after_seconds = retry_after_seconds
        self._exchange = HttpExchange(DEADLINE, SENDERS)
        self._waiting: asyncio.Queue[News] = asyncio.Queue()
        self._delayed: set[asyncio.TimerHandle] = set()
        self._senders: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._senders = [
            asyncio.create_task(self._send_all(), name=f"callbacks-{n}") for n in range(SENDERS)
        ]

    def send(self, news: News, after_seconds: float = 0) -> None:
        if self._waiting.qsize() + len(self._delayed) >= PENDING_MOST:
            log.error("simulated_carrier.callback_dropped", pending=PENDING_MOST)
        elif after_seconds > 0:
            self._delay(news, after_seconds)
        else:
            self._waiting.put_nowait(news)

    async def close(self) -> None:
        """What has not been taken by now is lost."""
        for timer in self._delayed:
            timer.cancel()
        for sender in self._senders:
            sender.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)
        await self._exchange.close()

    def _delay(self, news: News, seconds: float) -> None:
        def enqueue() -> None:
            self._delayed.discard(timer)
            self._waiting.put_nowait(news)

        timer = asyncio.get_running_loop().call_later(seconds, enqueue)
        self._delayed.add(timer)

    async def _send_all(self) -> None:
        while True:
            for url, told in groupby(await self._take(), lambda news: news.url):
                bundle = list(told)
                if not await self._is_taken(url, _body(bundle)):
                    self._try_again(bundle)

    async def _take(self) -> list[News]:
        taken = [await self._waiting.get()]
        while len(taken) < self.news_per_callback and not self._waiting.empty():
            taken.append(self._waiting.get_nowait())
        return taken

    async def _is_taken(self, url: str, body: bytes) -> bool:
        headers = {
            HEADER: sign(self._secret, int(self._clock.now().timestamp()), body),
            "content-type": "application/json",
        }
        try:
            answer = await self._exchange.post(url, body, headers)
        except (NothingSentError, AnswerLostError):
            return False
        return answer.is_success

    def _try_again(self, bundle: Sequence[News]) -> None:
        for news in bundle:
            if news.tries < len(self._retry_after_seconds):
                wait_seconds = self._retry_after_seconds[news.tries]
                self.send(replace(news, tries=news.tries + 1), wait_seconds)
            else:
                log.warning("simulated_carrier.callback_given_up", tries=news.tries)


def _body(bundle: Sequence[News]) -> bytes:
    if len(bundle) == 1:
        return bundle[0].body
    return b"[" + b",".join(news.body for news in bundle) + b"]"
