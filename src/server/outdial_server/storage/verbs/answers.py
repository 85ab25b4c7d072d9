"""Whole answers to requests, among those to creating RPCs: the surface tells them apart."""

from datetime import timedelta
from typing import Any, Final

from outdial_server.domain.request import RequestKey, Standing
from outdial_server.storage.encoding import json_text, micros
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.requests import answered_before

_NONE_YET: Final[dict[str, str]] = {}
"""Stands in the place of an answer while its request is under way."""

_THIS_ONE: Final = (
    "WHERE account_key = :account AND surface = :surface AND request_id = :id "
    "AND fingerprint = :fingerprint"
)


def begin_answer(tx: Tx, request: RequestKey, lease: timedelta) -> str | Standing:
    """Raises AlreadyExistsError for the same key with other content."""
    account = account_key(tx, request.account_id)
    earlier = answered_before(tx, account, request, _NONE_YET, lease)
    if earlier is None:
        return Standing.NEW
    answer: str | Standing = earlier.get("answer", Standing.UNDER_WAY)
    return answer


def end_answer(tx: Tx, request: RequestKey, answer: str, kept: timedelta) -> None:
    tx.run(
        f"UPDATE requests SET answer_json = :answer, expires_us = :expires {_THIS_ONE}",
        answer=json_text({"answer": answer}),
        expires=micros(tx.now + kept),
        **_named(tx, request),
    )


def drop_answer(tx: Tx, request: RequestKey) -> None:
    tx.run(
        f"DELETE FROM requests {_THIS_ONE} AND answer_json = :none_yet",
        none_yet=json_text(_NONE_YET),
        **_named(tx, request),
    )


def _named(tx: Tx, request: RequestKey) -> dict[str, Any]:
    return {
        "account": account_key(tx, request.account_id),
        "surface": request.surface,
        "id": request.request_id,
        "fingerprint": request.fingerprint,
    }
