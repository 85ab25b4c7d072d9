"""One signed request to an endpoint."""

from typing import Final

import structlog

from outdial_server.domain.internet import AddressGuard
from outdial_server.domain.webhook import Webhook
from outdial_server.domain.webhook_message import Probe, WebhookMessage
from outdial_server.domain.webhook_tries import TRIES, TryResult, Verdict, judge
from outdial_server.outgoing.answer import AnswerLostError, NothingSentError
from outdial_server.outgoing.exchange import HttpExchange
from outdial_server.ports.clock import Clock
from outdial_server.ports.sealing import Seal, UnreadableSecretError
from outdial_server.webhooks.forms import FORMS

_CONNECTIONS: Final = 1000
"""Of all endpoints together: more than may be under way, so that none waits for another."""

log = structlog.get_logger()


class HttpWebhookSender:
    """A WebhookSender. Made inside a running event loop."""

    def __init__(self, guard: AddressGuard, seal: Seal, clock: Clock) -> None:
        deadlines = {tries.deadline for tries in TRIES.values()}
        self._exchanges = {one: HttpExchange(one, _CONNECTIONS, guard) for one in deadlines}
        self._seal = seal
        self._clock = clock

    async def close(self) -> None:
        for exchange in self._exchanges.values():
            await exchange.close()

    def _exchange_for(self, webhook: Webhook) -> HttpExchange:
        return self._exchanges[TRIES[webhook.fields.format].deadline]

    async def send(self, webhook: Webhook, message: WebhookMessage | Probe) -> TryResult:
        now = self._clock.now()
        form = FORMS[webhook.fields.format]
        body = form.probe(message, now) if isinstance(message, Probe) else form.body(message, now)
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
            **form.headers(message.message_id, now, body, secrets),
        }
        try:
            answer = await self._exchange_for(webhook).post(webhook.fields.url, body, headers)
        except (NothingSentError, AnswerLostError) as error:
            return TryResult(Verdict.FAILED, str(error))
        return judge(answer.status, answer.headers, answer.body)
