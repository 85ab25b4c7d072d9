"""Answers to creating requests, so that a repeated one creates nothing."""

from datetime import timedelta
from typing import Any

import orjson

from outdial_server.domain.errors import AlreadyExistsError, Reason
from outdial_server.domain.limits import IDEMPOTENCY_TTL
from outdial_server.domain.request import RequestKey, RequestName
from outdial_server.storage.encoding import json_text, micros
from outdial_server.storage.tx import Tx


def earlier_answer(tx: Tx, account_key: int, request: RequestKey | None) -> Any | None:
    """What the same request was answered with before. Raises AlreadyExistsError for the
    same id with other content."""
    if request is None:
        return None
    row = tx.one_or_none(
        "SELECT fingerprint, answer_json FROM requests WHERE account_key = :account "
        "AND surface = :surface AND request_id = :id AND expires_us > :now",
        account=account_key,
        surface=request.surface,
        id=request.request_id,
        now=tx.now_us,
    )
    if row is None:
        return None
    if row.fingerprint != request.fingerprint:
        raise AlreadyExistsError(
            Reason.REQUEST_ID_REUSED,
            "this request_id was used for a request with other content",
            {"request_id": request.request_id},
        )
    return orjson.loads(row.answer_json)


def was_answered(tx: Tx, account_key: int, name: RequestName | None) -> bool:
    """Whether a request of this name was carried out, whatever its content was."""
    return name is not None and bool(
        tx.scalar(
            "SELECT 1 FROM requests WHERE account_key = :account AND surface = :surface "
            "AND request_id = :id AND expires_us > :now",
            account=account_key,
            surface=name.surface,
            id=name.request_id,
            now=tx.now_us,
        )
    )


def answered_before(
    tx: Tx,
    account_key: int,
    request: RequestKey | None,
    answer: object,
    kept: timedelta = IDEMPOTENCY_TTL,
) -> Any | None:
    """Notes the answer before anything is made, for requests of one transaction: a twin
    that comes at the same time waits here, and then gets the answer of the first."""
    earlier = earlier_answer(tx, account_key, request)
    if earlier is None and not note_answer(tx, account_key, request, answer, kept):
        earlier = earlier_answer(tx, account_key, request)
    return earlier


def note_answer(
    tx: Tx,
    account_key: int,
    request: RequestKey | None,
    answer: object,
    kept: timedelta = IDEMPOTENCY_TTL,
) -> bool:
    """Stores the answer; False when another one with the same id was faster."""
    if request is None:
        return True
    key = {
        "account": account_key,
        "surface": request.surface,
        "id": request.request_id,
    }
    tx.run(
        "DELETE FROM requests WHERE account_key = :account AND surface = :surface "
        "AND request_id = :id AND expires_us <= :now",
        **key,
        now=tx.now_us,
    )
    stored = tx.run(
        "INSERT INTO requests (account_key, surface, request_id, fingerprint, answer_json, "
        "expires_us) VALUES (:account, :surface, :id, :fingerprint, :answer, :expires) "
        "ON CONFLICT DO NOTHING",
        **key,
        fingerprint=request.fingerprint,
        answer=json_text(answer),
        expires=micros(tx.now + kept),
    )
    return stored == 1
