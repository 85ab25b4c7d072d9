"""Requests whose bytes are not the message that they should be.

By itself gRPC ends such an RPC as INTERNAL, without details, a request id or a line in the
log, and whoever sends it needs no key. So they come through as `UNREADABLE`, and are refused
like every wrong request.
"""

from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any, Final

from google.protobuf.message import DecodeError

from outdial_server.domain.errors import InvalidFieldsError, invalid_field

UNREADABLE: Final = object()


def lenient(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return UNREADABLE

    return read


def check_readable(request: object) -> None:
    """Raises InvalidFieldsError."""
    if request is UNREADABLE:
        raise unreadable()


def unreadable() -> InvalidFieldsError:
    return invalid_field(
        "request",
        "is not the message of this RPC, has text that is not UTF-8, or is nested too deep; "
        "compare the client's proto files with the server's",
    )


async def readable(requests: AsyncIterable[Any]) -> AsyncIterator[Any]:
    """A stream of requests, each as by `check_readable`."""
    async for request in requests:
        check_readable(request)
        yield request
