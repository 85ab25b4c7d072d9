"""What repeats in requests: pages and request ids."""

from typing import Protocol

from google.protobuf.descriptor import Descriptor

from outdial_server.domain.checks import NO_NUL
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.ids import AccountId
from outdial_server.domain.paging import PageRequest, page_request
from outdial_server.domain.request import (
    GrowingRequest,
    RequestKey,
    growing_request,
    request_key,
)


class Paged(Protocol):
    page_size: int
    page_token: str


class Counted(Paged, Protocol):
    skip: int
    show_total_size: bool


class Creating(Protocol):
    """A request that makes something."""

    request_id: str
    DESCRIPTOR: Descriptor

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...


def page_of(request: Paged) -> PageRequest:
    return page_request(request.page_size, request.page_token)


def counted_page_of(request: Counted) -> PageRequest:
    return page_request(
        request.page_size,
        request.page_token,
        request.skip,
        show_total_size=request.show_total_size,
    )


def filter_text(field: str, text: str) -> str:
    """A text to look for, which what is stored can equal."""
    if "\0" in text:
        raise invalid_field(field, NO_NUL)
    return text


def take_growing_request(
    account_id: AccountId, surface: str, request: Creating, path: str = "request_id"
) -> GrowingRequest | None:
    """As `take_request_key`, of what comes before the rows: by those it grows. `path` is
    that of the id in the request."""
    request_id, request.request_id = request.request_id, ""
    growing = growing_request(account_id, surface, request_id, path)
    if growing is not None:
        growing.read(request.SerializeToString(deterministic=True))
    return growing


def take_request_key(account_id: AccountId, request: Creating) -> RequestKey | None:
    """Takes the id out of the request: what is left is the content that a repetition must
    have in common. Without an id there is nothing to compare, nor to serialise."""
    request_id, request.request_id = request.request_id, ""
    if not request_id:
        return None
    content = request.SerializeToString(deterministic=True)
    return request_key(account_id, _surface_of(request), request_id, content)


def _surface_of(request: Creating) -> str:
    return request.DESCRIPTOR.full_name.removesuffix("Request")
