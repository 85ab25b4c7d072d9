"""Posts events to the endpoints of clients, in order for each batch."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from outdial_server.domain.errors import OutdialError
from outdial_server.domain.webhook import Webhook
from outdial_server.domain.webhook_delivery import Try
from outdial_server.domain.webhook_format import WebhookFormat
from outdial_server.domain.webhook_message import (
    WebhookMessage,
    calls_of,
    wanted_messages,
    with_told,
)
from outdial_server.domain.webhook_tries import TRIES, TryResult, Verdict, is_dead, next_try
from outdial_server.engine.loop import Loop
from outdial_server.ports.clock import Clock
from outdial_server.ports.identity import IdSource
from outdial_server.ports.signals import Signals, Topic
from outdial_server.ports.telemetry import NO_TELEMETRY, Telemetry
from outdial_server.ports.webhooks import DeliveryStore, Due, DuePlan, TurnEnd, WebhookSender

log = structlog.get_logger()

PLAN: Final = DuePlan(
    # Longer than a turn whose requests all come to their deadline.
    lease=timedelta(minutes=5),
    per_webhook=8,
    per_turn=20,
)

LOOK_EVERY: Final = timedelta(milliseconds=50)
"""Each commit of dialling wakes the loop; what has gathered meanwhile goes in one turn."""


@dataclass(slots=True)
class _Progress:
    """How far a turn has come."""

    sequence: int
    failures: int
    tries: list[Try] = field(default_factory=list)


class Deliverer:
    """A task for each turn: an endpoint that is slow or silent holds up its own turns alone, of
    which there are a few."""

    def __init__(
        self,
        store: DeliveryStore,
        sender: WebhookSender,
        ids: IdSource,
        clock: Clock,
        signals: Signals,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        self._store = store
        self._sender = sender
        self._draw: Callable[[], float] = ids.draw
        self._clock = clock
        self._signals = signals
        self._telemetry = telemetry
        self._looked_at: datetime | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def tick(self, now: datetime) -> datetime | None:
        looked_at = self._looked_at
        # From before it, by a clock that was set back, is no reason to wait.
        if looked_at is not None and timedelta(0) <= now - looked_at < LOOK_EVERY:
            return looked_at + LOOK_EVERY
        # Before the look: what is committed during it wakes the next one.
        self._signals.follow_all(follows=True)
        taken = await self._store.take_turns(PLAN)
        self._signals.follow_all(follows=taken.any_webhooks)
        self._looked_at = now
        for due in taken.turns:
            task = asyncio.create_task(self._deliver(due))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return now + LOOK_EVERY if taken.turns else taken.next_at

    async def finish(self) -> None:
        """Lets the requests that are out come to their end, and sends no more."""
        self._stopping = True
        await self.idle()

    async def idle(self) -> None:
        """Returns when all turns that were taken have ended."""
        await asyncio.gather(*self._under_way)

    async def _deliver(self, due: Due) -> None:
        """Of a turn that fails the lease runs out, and it is taken again."""
        webhook_id = due.webhook.webhook_id
        try:
            await self._store.end_turn(await self._send_all(due))
        except OutdialError as error:
            log.warning("webhook.turn_failed", webhook_id=webhook_id, reason=error.reason.value)
        except Exception:
            log.exception("webhook.turn_broken", webhook_id=webhook_id)
        self._signals.wake(Topic.DELIVER)

    async def _send_all(self, due: Due) -> TurnEnd:
        progress = _Progress(due.sequence, due.failures)
        for message in await self._messages(due):
            if self._stopping:
                return self._end(due, progress)
            result = await self._try(due.webhook, message, progress)
            if result.verdict is not Verdict.TAKEN:
                return self._failed(due, message, progress, result)
            progress.sequence, progress.failures = message.event.sequence, 0
        if due.events:
            # Behind the last that it wants there may be others.
            progress.sequence = due.events[-1].sequence
        return self._end(due, progress)

    async def _messages(self, due: Due) -> Sequence[WebhookMessage]:
        webhook = due.webhook
        messages = wanted_messages(
            webhook.fields, webhook.account_id, due.batch_id, due.events, is_direct=due.is_direct
        )
        if webhook.fields.format is WebhookFormat.OUTDIAL or not messages:
            return messages
        told = await self._store.read_told(due.batch_id, calls_of(messages))
        return with_told(messages, told)

    async def _try(
        self, webhook: Webhook, message: WebhookMessage, progress: _Progress
    ) -> TryResult:
        at = self._clock.now()
        result = await self._sender.send(webhook, message)
        took = self._clock.now() - at
        progress.tries.append(Try(message.event, at, took, result))
        self._telemetry.webhook_tried(took, is_taken=result.verdict is Verdict.TAKEN)
        return result

    def _end(self, due: Due, progress: _Progress) -> TurnEnd:
        return TurnEnd(due, progress.sequence, progress.tries, progress.failures)

    def _failed(
        self, due: Due, message: WebhookMessage, progress: _Progress, result: TryResult
    ) -> TurnEnd:
        now = self._clock.now()
        failures = progress.failures + 1
        tries = TRIES[due.webhook.fields.format]
        next_at = next_try(tries.delays, failures, result, self._draw(), now)
        is_gone = result.verdict is Verdict.GONE and tries.heeds_gone
        if next_at is not None and not is_gone:
            return TurnEnd(due, progress.sequence, progress.tries, failures, next_at)
        self._telemetry.webhook_given_up()
        log.warning(
            "webhook.given_up",
            webhook_id=due.webhook.webhook_id,
            message_id=message.message_id,
            error=result.error,
        )
        # An endpoint that takes other messages loses this one alone.
        deactivates = is_gone or is_dead(due.webhook.failures.since, now)
        return TurnEnd(due, message.event.sequence, progress.tries, deactivates=deactivates)


class Delivery:
    """The deliverer in its loop. Apart from the engine: nothing of dialling waits for it."""

    def __init__(
        self,
        store: DeliveryStore,
        sender: WebhookSender,
        ids: IdSource,
        clock: Clock,
        signals: Signals,
        telemetry: Telemetry = NO_TELEMETRY,
        is_held: Callable[[], bool] = lambda: False,
    ) -> None:
        self._deliverer = Deliverer(store, sender, ids, clock, signals, telemetry)
        self._loop = Loop(
            "deliverer",
            Topic.DELIVER,
            self._deliverer.tick,
            clock,
            signals,
            telemetry=telemetry,
            is_held=is_held,
        )

    def start(self) -> None:
        self._loop.start()

    async def stop(self) -> None:
        """Takes at most the deadline of one request."""
        await self._loop.stop()
        await self._deliverer.finish()
