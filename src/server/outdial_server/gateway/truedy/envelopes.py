"""What answers are wrapped in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import orjson
from pydantic import BaseModel, Field
from starlette.responses import Response

from outdial_server.gateway.truedy.asked import asked

T = TypeVar("T")


class Meta(BaseModel):
    request_id: str = Field(examples=["req_32e7531c08af"])
    ts: datetime


class OffsetPage(BaseModel):
    total: int
    limit: int
    offset: int
    has_more: bool


class NumberedPage(BaseModel):
    page: int
    limit: int
    total: int
    pages: int


class One(BaseModel, Generic[T]):
    data: T
    meta: Meta


class Listed(BaseModel, Generic[T]):
    data: list[T]
    meta: Meta
    pagination: OffsetPage


class Paged(BaseModel, Generic[T]):
    data: list[T]
    meta: Meta
    pagination: NumberedPage


def one(data: BaseModel, status: int = 200) -> Response:
    return _answer({"data": data.model_dump(mode="json")}, status)


def listed(data: Sequence[BaseModel], total: int, limit: int, offset: int) -> Response:
    page = OffsetPage(total=total, limit=limit, offset=offset, has_more=offset + limit < total)
    return _answer({"data": _plain(data), "pagination": page.model_dump()})


def paged(data: Sequence[BaseModel], total: int, page: int, limit: int) -> Response:
    pages = -(-total // limit)
    told = NumberedPage(page=page, limit=limit, total=total, pages=pages)
    return _answer({"data": _plain(data), "pagination": told.model_dump()})


def everything(data: Sequence[BaseModel]) -> Response:
    return _answer({"data": _plain(data)})


def failure(status: int, error: dict[str, Any]) -> Response:
    return _answer({"error": error}, status)


def _plain(data: Sequence[BaseModel]) -> list[Any]:
    return [item.model_dump(mode="json") for item in data]


def _answer(body: dict[str, Any], status: int = 200) -> Response:
    request = asked()
    meta = Meta(request_id=request.request_id, ts=request.at)
    body["meta"] = meta.model_dump(mode="json")
    return Response(orjson.dumps(body), status, media_type="application/json")
