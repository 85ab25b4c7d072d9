"""Answers: JSON, and times as this API writes them."""

from datetime import UTC, datetime
from typing import Any, Final

import orjson
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from starlette.responses import Response

_JSON: Final = "application/json"


def answer(told: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(told), status, media_type=_JSON)


NO_CONTENT: Final = 204


def moment_or_none(holder: Message, name: str) -> str | None:
    """Of a field that may be unset."""
    if not holder.HasField(name):
        return None
    told: Timestamp = getattr(holder, name)
    return written(told.ToDatetime(tzinfo=UTC))


def written(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
