"""Which calls are looked for: by the core where it can, and among those that it gives."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal

from outdial.v1.call_pb2 import Call
from outdial.v1.call_service_pb2 import ListCallsRequest, ListCallsResponse
from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.asking import Caller
from outdial_server.gateway.ultravox.call_shapes import call_object
from outdial_server.gateway.ultravox.models import Id, Plain, Span, read_moment
from outdial_server.gateway.ultravox.paging import Place, envelope, part_of

LOOKED_AT_MOST: Final = 20_000
_PAGE: Final = 1000
_METADATA: Final = "metadata."
_DAY: Final = timedelta(days=1)

Fits = Callable[[Call], bool]


def _time_of_day(text: Any) -> time:
    try:
        return time.fromisoformat(text)
    except (TypeError, ValueError):
        raise PydanticCustomError("time", "Time has wrong format: hh:mm:ss.") from None


TimeOfDay = Annotated[time, PlainValidator(_time_of_day), WithJsonSchema({"type": "string"})]


@dataclass(frozen=True, slots=True)
class CallSearch:
    request: ListCallsRequest
    # What the core does not look for.
    fits: list[Fits] = field(default_factory=list)
    is_oldest_first: bool = False

    async def page(self, asks: Caller, wanted: Place) -> dict[str, Any]:
        if not self.fits and not self.is_oldest_first:
            calls, total = await part_of(asks, self.request, ListCallsResponse, "calls", wanted)
        else:
            found = await self._looked_through(asks)
            total = len(found)
            calls = found[wanted.start : wanted.start + wanted.size]
        return envelope(wanted, list(map(call_object, calls)), total)

    async def _looked_through(self, asks: Caller) -> list[Call]:
        calls = await all_calls(asks, self.request)
        found = [call for call in calls if all(fits(call) for fits in self.fits)]
        return found[::-1] if self.is_oldest_first else found


async def calls_between(asks: Caller, start: datetime, end: datetime) -> list[Call]:
    request = ListCallsRequest()
    request.created_from.FromDatetime(start)
    request.created_before.FromDatetime(end)
    return await all_calls(asks, request)


async def all_calls(asks: Caller, asked: ListCallsRequest) -> list[Call]:
    """Newest first. Raises InvalidFieldsError where they are too many."""
    request, found = ListCallsRequest(), list[Call]()
    request.CopyFrom(asked)
    request.page_size = _PAGE
    while True:
        told = await asks.ask(request, ListCallsResponse)
        found += told.calls
        if not told.next_page_token:
            return found
        if len(found) >= LOOKED_AT_MOST:
            raise invalid_field(
                "non_field_errors",
                f"More than {LOOKED_AT_MOST} calls would have to be looked through: narrow them "
                "by dates or agents.",
            )
        request.page_token = told.next_page_token


class CallQuery(Plain):
    """What may be asked for; `metadata.KEY=VALUE` besides."""

    agent_ids: list[Id] = Field(default=[], max_length=100)
    from_date: str | None = Field(None, description="A moment, or a date: its start.")
    to_date: str | None = Field(None, description="A moment, or a date: its end.")
    duration_min: Span | None = None
    duration_max: Span | None = None
    time_of_day_start: TimeOfDay | None = None
    time_of_day_end: TimeOfDay | None = None
    voice_id: str | None = None
    search: str | None = Field(None, description="Words of its summary or its metadata.")
    sort: Literal["created", "-created"] = "-created"


def search_of(request: Request, query: CallQuery) -> CallSearch:
    asked = ListCallsRequest(agent_ids=query.agent_ids, show_details=True)
    if query.from_date:
        asked.created_from.FromDatetime(_moment("fromDate", query.from_date))
    if query.to_date:
        # It is in.
        until = _moment("toDate", query.to_date, end_of_day=True)
        asked.created_before.FromDatetime(until + timedelta(microseconds=1))
    metadata = {
        name.removeprefix(_METADATA): value
        for name, value in request.query_params.items()
        if name.startswith(_METADATA)
    }
    return CallSearch(asked, list(_sieves(query, metadata)), query.sort == "created")


def _sieves(query: CallQuery, metadata: Mapping[str, str]) -> Iterator[Fits]:
    if query.duration_min is not None or query.duration_max is not None:
        least = query.duration_min or timedelta()
        most = timedelta.max if query.duration_max is None else query.duration_max
        yield lambda call: least <= _length(call) <= most
    if query.time_of_day_start is not None or query.time_of_day_end is not None:
        start = query.time_of_day_start or time.min
        end = query.time_of_day_end or time.max
        yield lambda call: start <= call.create_time.ToDatetime().time() <= end
    if metadata:
        yield lambda call: all(call.metadata.get(name) == said for name, said in metadata.items())
    if query.search:
        words = query.search.casefold()
        yield lambda call: words in _texts(call).casefold()
    if query.voice_id:
        yield lambda call: call_object(call)["voice"] == query.voice_id


def _length(call: Call) -> timedelta:
    """Once it was joined."""
    if not call.HasField("answer_time") or not call.HasField("end_time"):
        return timedelta()
    return call.end_time.ToDatetime() - call.answer_time.ToDatetime()


def _texts(call: Call) -> str:
    return "\n".join([call.conversation.summary, *call.metadata.values()])


def _moment(name: str, text: str, *, end_of_day: bool = False) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return _exact(name, text)
    start = datetime.combine(day, time.min, UTC)
    return start + _DAY - timedelta(microseconds=1) if end_of_day else start


def _exact(name: str, text: str) -> datetime:
    try:
        # A plus sign that was not encoded is a blank by now.
        return read_moment(text.replace(" ", "+"))
    except PydanticCustomError as error:
        raise invalid_field(name, error.message()) from None
