"""One signed request to an endpoint."""

from datetime import timedelta
from typing import Final

import structlog

from outdial_server.domain.internet import AddressGuard
from outdial_server.domain.webhook import Webhook
from outdial_server.domain.webhook_message import Probe, WebhookMessage
from outdial_server.domain.webhook_signature import signed_headers
from outdial_server.domain.webhook_tries import TryResult, Verdict, judge
from outdial_server.outgoing.exchange import AnswerLostError, HttpExchange, NothingSentError
from outdial_server.ports.clock import Clock
from outdial_server.ports.sealing import Seal, UnreadableSecretError
from outdial_server.webhooks.rendering import render

DEADLINE: Final = timedelta(seconds=10)
_CONNECTIONS: Final = 1000
"""Of all endpoints together: more than may be under way, so that none waits for another."""

log = structlog.get_logger()


class HttpWebhookSender:
    """A WebhookSender. Made inside a running event loop."""

    def __init__(self, guard: AddressGuard, seal: Seal, clock: Clock) -> None:
        self._exchange = HttpExchange(DEADLINE, _CONNECTIONS, guard)
        self._seal = seal
        self._clock = clock

    async def close(self) -> None:
        await self._exchange.close()

    async def send(self, webhook: Webhook, message: WebhookMessage | Probe) -> TryResult:
        now = self._clock.now()
        body = render(message)
        try:
            secrets = [
                self._seal.unseal(sealed, webhook.webhook_id) for sealed in webhook.secrets.at(now)
            ]
        except UnreadableSecretError as error:
            log.warning(
                "webhook.secret_unreadable", webhook_id=webhook.webhook_id, cause=str(error)
            )
            return TryResult(Verdict.FAILED, "SECRET_UNREADABLE")
        headers = {
            "content-type": "application/json",
            **signed_headers(message.message_id, now, body, secrets),
        }
        try:
            answer = await self._exchange.post(webhook.fields.url, body, headers)
        except (NothingSentError, AnswerLostError) as error:
            return TryResult(Verdict.FAILED, str(error))
        return judge(answer.status, answer.headers, answer.body)
