"""Streams over HTTP: server-sent events, or an object a line."""

import asyncio
from collections.abc import Coroutine, Mapping
from enum import Enum
from typing import Any, Final

import orjson
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from starlette.types import Receive, Send

from outdial_server.gateway.encoding import to_json

RESUME_FIELD: Final = "resume_token"
"""Of a message: what a stream goes on from. Of a request: what it shall go on from."""


TABLE_RPC: Final = "ExportScheduledCalls"
"""Its answer may be a table, too."""


class StreamForm(Enum):
    EVENTS = "text/event-stream"
    LINES = "application/x-ndjson"
    TABLE = "text/csv"


def form_for(rpc: MethodDescriptor, accept: str) -> StreamForm | None:
    """None for an RPC that answers once."""
    if not rpc.server_streaming:
        return None
    if rpc.name == TABLE_RPC and StreamForm.TABLE.value in accept:
        return StreamForm.TABLE
    return StreamForm.EVENTS if StreamForm.EVENTS.value in accept else StreamForm.LINES


class StreamOut:
    """What has been sent of one stream. It begins with its first message: until then a refusal
    has a status code of its own."""

    def __init__(self, form: StreamForm, headers: Mapping[str, str], send: Send) -> None:
        self._form = form
        self._headers = headers
        self._send = send
        self.has_begun = False

    async def write(self, message: Message) -> None:
        await self._put(self._framed(message))

    async def fail(self, error: Mapping[str, Any]) -> None:
        """The last of a stream that cannot go on; its status code was sent long ago."""
        told = orjson.dumps(error)
        is_line = self._form is StreamForm.LINES
        await self._put(told + b"\n" if is_line else b"event: failure\ndata: %b\n\n" % told)
        await self.end()

    async def end(self) -> None:
        if not self.has_begun:
            await self._begin()
        await self._send({"type": "http.response.body", "body": b""})

    def _framed(self, message: Message) -> bytes:
        told = to_json(message)
        if self._form is StreamForm.LINES:
            return told + b"\n"
        token = getattr(message, RESUME_FIELD, "")
        name = b"id: %b\n" % token.encode() if token else b""
        return name + b"data: %b\n\n" % told

    async def _put(self, piece: bytes) -> None:
        if not self.has_begun:
            await self._begin()
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def _begin(self) -> None:
        self.has_begun = True
        headers = {
            "content-type": self._form.value,
            "cache-control": "no-store",
            # A proxy that gathers an answer before it passes it on would hold a stream for ever.
            "x-accel-buffering": "no",
            **self._headers,
        }
        pairs = [(name.encode(), text.encode()) for name, text in headers.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": pairs})


async def while_connected(receive: Receive, work: Coroutine[Any, Any, object]) -> None:
    """Ends the work when the client leaves; raises what the work raises."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done() and not working.done():
            working.cancel()
            await asyncio.wait({working})
            return
        await working
    finally:
        leaving.cancel()
        working.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
