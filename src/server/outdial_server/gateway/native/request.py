"""One HTTP request as the message of its RPC: path, query, body and headers."""

from collections.abc import AsyncIterable, Mapping
from typing import Any, Final

import orjson
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.asking import LongRequest
from outdial_server.gateway.decoding import Faults, fields_of, read_into
from outdial_server.gateway.json_stream import LongList, read_object
from outdial_server.gateway.native.query import pairs_in, query_object
from outdial_server.gateway.native.routes import Match
from outdial_server.gateway.native.streams import RESUME_FIELD

_WHOLE: Final = ("", "*")
_MASK: Final = "update_mask"


_SLICE_ENTRIES: Final = 500


async def read_long_request(
    match: Match, query: str, pieces: AsyncIterable[bytes], if_match: str, long_field: str
) -> bytes:
    """A request that its body fills, encoded, with a list that is read as it comes. Raises
    InvalidFieldsError with every fault that there is room for."""
    kind = match.route.rpc.input_type
    entries = _Entries(kind, long_field)
    spelling = kind.fields_by_name[long_field].json_name
    content = await read_object(pieces, spelling, entries.take, long_field)
    head = {name: told for name, told in content.items() if not isinstance(told, LongList)}
    message = _read_message(match, query, head, if_match, entries.faults)
    return entries.and_with(message)


class _Entries:
    """What is taken of the list: messages with some hundred entries each, encoded, which merge
    when they follow one another."""

    def __init__(self, kind: Descriptor, long_field: str) -> None:
        self._kind = kind
        self._field = long_field
        self._whole = LongRequest(GetMessageClass(kind))
        self._part: Any = self._whole.kind()
        self.faults = Faults()

    def take(self, index: int, entry: object) -> None:
        entries = getattr(self._part, self._field)
        read_into(entries.add(), entry, f"{self._field}[{index}]", self.faults)
        if len(entries) == _SLICE_ENTRIES:
            self._end_part()

    def and_with(self, head: Message) -> bytes:
        """Together with the rest of their request."""
        self._end_part()
        self._whole.add(head)
        return self._whole.data()

    def _end_part(self) -> None:
        self._whole.add(self._part)
        self._part = self._whole.kind()


def read_request(
    match: Match, query: str, body: bytes, if_match: str, last_event_id: str
) -> Message:
    """Raises InvalidFieldsError with every fault that there is room for."""
    message = _read_message(match, query, _json(body), if_match, Faults())
    _fill_resume_token(message, last_event_id)
    return message


def _read_message(match: Match, query: str, content: Any, if_match: str, faults: Faults) -> Message:
    route = match.route
    message = GetMessageClass(route.rpc.input_type)()
    # What the body fills: the whole request, a field of it, or nothing.
    filled: Any = getattr(message, route.body) if route.body not in _WHOLE else message
    if route.body:
        filled.SetInParent()
        read_into(filled, content, route.body.strip("*"), faults)
    if route.body != "*":
        read_into(message, query_object(route.rpc.input_type, pairs_in(query)), "", faults)
    elif query:
        faults.add(query.partition("=")[0], "belongs into the body")
    faults.check()
    fill_path(message, match.values)
    _fill_etag(filled, if_match)
    if filled is not message:
        _fill_mask(message, filled, content, match.values)
    return message


def _json(body: bytes) -> Any:
    if not body:
        return {}
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise invalid_field("body", f"is no JSON, from {place} on: {error.msg}") from None


def fill_path(message: Message, values: Mapping[str, str]) -> None:
    """The path says which resource it is; a body that says another is refused."""
    for name, value in values.items():
        *outer, last = name.split(".")
        holder: Any = message
        for part in outer:
            holder = getattr(holder, part)
        if getattr(holder, last) not in ("", value):
            raise invalid_field(name, "is another one than in the path")
        setattr(holder, last, value)


def _fill_etag(holder: Any, if_match: str) -> None:
    if not if_match:
        return
    if "etag" not in holder.DESCRIPTOR.fields_by_name:
        raise invalid_field("if-match", "cannot be asked for here")
    if if_match != "*":
        holder.etag = if_match.removeprefix("W/")


def _fill_resume_token(message: Any, last_event_id: str) -> None:
    """What a browser says by itself when it connects again, so that it wins over the query."""
    if last_event_id and RESUME_FIELD in message.DESCRIPTOR.fields_by_name:
        message.resume_token = last_event_id


def _fill_mask(
    message: Any, inner: Message, content: Mapping[str, Any], in_path: Mapping[str, str]
) -> None:
    """Without a mask, what the body names is what changes; null unsets it."""
    if _MASK not in message.DESCRIPTOR.fields_by_name or message.HasField(_MASK):
        return
    known = fields_of(inner.DESCRIPTOR)
    named = [known[name].name for name in content]
    bound = {"etag", *(name.rpartition(".")[2] for name in in_path)}
    message.update_mask.paths.extend(name for name in named if name not in bound)
