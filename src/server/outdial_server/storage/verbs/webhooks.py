"""Webhooks as resources."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import orjson

from outdial_server.domain.batch import BatchState
from outdial_server.domain.errors import Reason
from outdial_server.domain.event import EventType
from outdial_server.domain.ids import AccountId, AgentId, BatchId, WebhookId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey
from outdial_server.domain.webhook import Failures, Webhook, WebhookFields, refuse_too_many
from outdial_server.domain.webhook_format import WebhookFormat
from outdial_server.domain.webhook_secrets import SealedSecrets
from outdial_server.storage.encoding import (
    id_or_not_found,
    json_text,
    micros_or_none,
    moment,
    moment_or_none,
    not_found,
    pack_id,
    unpack_id,
)
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.agents import agent_key
from outdial_server.storage.verbs.batch_rows import find_batch
from outdial_server.storage.verbs.paging import Listed
from outdial_server.storage.verbs.requests import answered_before
from outdial_server.storage.verbs.webhook_turns import follow_open_batches, forget_turns

WEBHOOK_COLUMNS: Final = (
    "w.key, w.id, a.id AS account_id, w.url, w.description, w.event_types_json, "
    "w.batch_end_states_json, w.format, "
    "w.batch_id AS only_batch_id, (SELECT g.id FROM agents g WHERE g.key = w.agent_key) "
    "AS only_agent_id, "
    "w.active, w.secret, w.previous_secret, w.previous_until_us, w.failures, w.last_error, "
    "w.failing_us, w.revision, w.created_us, w.updated_us"
)
_WEBHOOK: Final = (
    f"SELECT {WEBHOOK_COLUMNS} FROM webhooks w JOIN accounts a ON a.key = w.account_key "
    "WHERE w.account_key = :account "
)


def webhook_from(row: Row) -> Webhook:
    return Webhook(
        WebhookId(unpack_id(row.id)),
        AccountId(unpack_id(row.account_id)),
        WebhookFields(
            row.url,
            row.description,
            tuple(map(EventType, orjson.loads(row.event_types_json or "[]"))),
            bool(row.active),
            None if row.only_agent_id is None else AgentId(unpack_id(row.only_agent_id)),
            None if row.only_batch_id is None else BatchId(unpack_id(row.only_batch_id)),
            WebhookFormat(row.format),
            tuple(map(BatchState, orjson.loads(row.batch_end_states_json or "[]"))),
        ),
        SealedSecrets(row.secret, row.previous_secret, moment_or_none(row.previous_until_us)),
        Failures(row.failures, row.last_error, moment_or_none(row.failing_us)),
        row.revision,
        moment(row.created_us),
        moment(row.updated_us),
    )


def webhook_row(tx: Tx, account_id: AccountId, webhook_id: WebhookId, lock: str = "") -> Row:
    row = tx.one_or_none(
        f"{_WEBHOOK}AND w.id = :id {lock}",
        account=account_key(tx, account_id),
        id=id_or_not_found(webhook_id, Reason.WEBHOOK_NOT_FOUND, "webhook"),
    )
    if row is None:
        raise not_found(Reason.WEBHOOK_NOT_FOUND, "webhook", webhook_id)
    return row


def create_webhook(
    tx: Tx,
    account_id: AccountId,
    webhook_id: WebhookId,
    fields: WebhookFields,
    sealed_secret: str,
    request: RequestKey | None,
) -> Webhook:
    account = account_key(tx, account_id)
    earlier = answered_before(tx, account, request, webhook_id)
    if earlier is not None:
        return get_webhook(tx, account_id, WebhookId(earlier))
    refuse_too_many(tx.scalar("SELECT COUNT(*) FROM webhooks WHERE account_key = :a", a=account))
    agent = batch = None
    if fields.agent_id is not None:
        agent = agent_key(tx, account_id, fields.agent_id)
    if fields.batch_id is not None:
        batch = find_batch(tx, account_id, fields.batch_id).id
    tx.run(
        "INSERT INTO webhooks (id, account_key, url, description, event_types_json, "
        "batch_end_states_json, active, agent_key, batch_id, format, secret, created_us, "
        "updated_us) VALUES (:id, :account, :url, :description, :types, :ends, :active, "
        ":agent, :batch, :format, :secret, :now, :now)",
        id=pack_id(webhook_id),
        account=account,
        agent=agent,
        batch=batch,
        format=int(fields.format),
        secret=sealed_secret,
        now=tx.now_us,
        **_values(fields),
    )
    if fields.active:
        follow_open_batches(tx, webhook_row(tx, account_id, webhook_id).key)
    return get_webhook(tx, account_id, webhook_id)


def _values(fields: WebhookFields) -> dict[str, object]:
    return {
        "url": fields.url,
        "description": fields.description,
        "types": json_text([int(one) for one in fields.event_types]),
        "ends": json_text([one.value for one in fields.batch_end_states]),
        "active": int(fields.active),
    }


def get_webhook(tx: Tx, account_id: AccountId, webhook_id: WebhookId) -> Webhook:
    return webhook_from(webhook_row(tx, account_id, webhook_id))


def list_webhooks(
    tx: Tx, account_id: AccountId, page: PageRequest, agent_id: AgentId | None
) -> Page[Webhook]:
    agent = None if agent_id is None else agent_key(tx, account_id, agent_id)
    of_agent = "" if agent is None else "AND w.agent_key = :agent "
    parameters = {"account": account_key(tx, account_id)}
    parameters |= {} if agent is None else {"agent": agent}
    return Listed("webhooks", _WEBHOOK + of_agent, parameters, "w.key").page(tx, page, webhook_from)


def change_webhook(
    tx: Tx,
    account_id: AccountId,
    webhook_id: WebhookId,
    decide: Callable[[Webhook], WebhookFields],
) -> Webhook:
    """Another URL starts without the failures of the one before; and so does one that is active
    again, with what happens from now on."""
    row = webhook_row(tx, account_id, webhook_id, tx.dialect.for_update("w"))
    before = webhook_from(row)
    after = decide(before)
    if after == before.fields:
        return before
    tx.run(
        "UPDATE webhooks SET url = :url, description = :description, event_types_json = :types, "
        "batch_end_states_json = :ends, active = :active, revision = revision + 1, "
        "updated_us = :now WHERE key = :key",
        key=row.key,
        now=tx.now_us,
        **_values(after),
    )
    if after.url != before.fields.url or after.active != before.fields.active:
        _start_afresh(tx, row.key, before.fields, after)
    return get_webhook(tx, account_id, webhook_id)


def _start_afresh(tx: Tx, key: int, before: WebhookFields, after: WebhookFields) -> None:
    tx.run(
        "UPDATE webhooks SET failures = 0, last_error = '', failing_us = NULL WHERE key = :key",
        key=key,
    )
    if not after.active:
        forget_turns(tx, key)
    elif not before.active:
        follow_open_batches(tx, key)
    else:
        tx.run(
            "UPDATE webhook_turns SET failures = 0, next_us = 0 WHERE webhook_key = :key", key=key
        )


def rotate_secret(
    tx: Tx,
    account_id: AccountId,
    webhook_id: WebhookId,
    rotate: Callable[[Webhook, datetime], SealedSecrets],
) -> Webhook:
    row = webhook_row(tx, account_id, webhook_id, tx.dialect.for_update("w"))
    secrets = rotate(webhook_from(row), tx.now)
    tx.run(
        "UPDATE webhooks SET secret = :secret, previous_secret = :previous, "
        "previous_until_us = :until WHERE key = :key",
        secret=secrets.current,
        previous=secrets.previous,
        until=micros_or_none(secrets.previous_until),
        key=row.key,
    )
    return get_webhook(tx, account_id, webhook_id)


def delete_webhook(tx: Tx, account_id: AccountId, webhook_id: WebhookId) -> None:
    key = webhook_row(tx, account_id, webhook_id, tx.dialect.for_update("w")).key
    forget_turns(tx, key)
    tx.run("DELETE FROM webhooks WHERE key = :key", key=key)
