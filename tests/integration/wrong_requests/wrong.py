"""A wrong request and the answer that it gets."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from grpc import StatusCode
from tests.integration.wrong_requests.world import World

from support.grpc import Metadata

UNKNOWN_ID = "00000000-0000-7000-8000-000000000000"

# The fields of the request; `request` alone has the messages of a stream.
Fields = Callable[[World], dict[str, Any]]


@dataclass(frozen=True)
class Wrong:
    what: str
    rpc: str
    request: Fields
    code: StatusCode
    reason: str
    # Paths in BadRequest, all of them and in order.
    fields: tuple[str, ...] = ()
    # Part of the message for people.
    says: str = ""
    key: Callable[[World], Metadata] = lambda world: world.key

    def by(self, key: Callable[[World], Metadata]) -> "Wrong":
        return replace(self, key=key)


def faulty(
    what: str,
    rpc: str,
    request: Fields,
    *fields: str,
    says: str = "",
    reason: str = "INVALID_FIELD",
) -> Wrong:
    return Wrong(what, rpc, request, StatusCode.INVALID_ARGUMENT, reason, fields, says)


def unfound(what: str, rpc: str, request: Fields, reason: str) -> Wrong:
    return Wrong(what, rpc, request, StatusCode.NOT_FOUND, reason, says="there is no ")


def misfit(what: str, rpc: str, request: Fields, reason: str, says: str = "") -> Wrong:
    return Wrong(what, rpc, request, StatusCode.FAILED_PRECONDITION, reason, says=says)


def exhausted(what: str, rpc: str, request: Fields, reason: str, says: str = "") -> Wrong:
    return Wrong(what, rpc, request, StatusCode.RESOURCE_EXHAUSTED, reason, says=says)


def taken(what: str, rpc: str, request: Fields, reason: str) -> Wrong:
    return Wrong(what, rpc, request, StatusCode.ALREADY_EXISTS, reason)


def outdated(what: str, rpc: str, request: Fields) -> Wrong:
    return Wrong(
        what, rpc, request, StatusCode.ABORTED, "ETAG_MISMATCH", says="read the resource again"
    )


def forbidden(what: str, rpc: str, request: Fields, reason: str = "SCOPE_MISSING") -> Wrong:
    return Wrong(what, rpc, request, StatusCode.PERMISSION_DENIED, reason)


def keyless(what: str, key: Callable[[World], Metadata], reason: str) -> Wrong:
    nothing: Fields = lambda world: {}  # noqa: E731
    return Wrong(what, "GetServerInfo", nothing, StatusCode.UNAUTHENTICATED, reason, key=key)


def no_such_id(
    rpc: str, reason: str, foreign: Callable[[World], str], request: Callable[[str], dict[str, Any]]
) -> list[Wrong]:
    """Ids that are another account's, nobody's, or none at all."""
    others: dict[str, Callable[[World], str]] = {
        "the id of another account": foreign,
        "an unknown id": lambda world: UNKNOWN_ID,
        "an id that is no UUID": lambda world: "nonsense",
    }
    return [
        unfound(what, rpc, lambda world, id_of=id_of: request(id_of(world)), reason)
        for what, id_of in others.items()
    ]


def cases(rows: Iterable[Wrong]) -> list[Any]:
    return [pytest.param(row, id=f"{row.rpc}-{row.what.replace(' ', '_')}") for row in rows]
