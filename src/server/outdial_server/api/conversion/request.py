"""What repeats in requests: pages and request ids."""

from typing import Protocol

from google.protobuf.descriptor import Descriptor

from outdial_server.domain.checks import NO_NUL
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.ids import AccountId
from outdial_server.domain.paging import PageRequest, page_request
from outdial_server.domain.request import RequestKey, request_key


class Paged(Protocol):
    page_size: int
    page_token: str


class Creating(Protocol):
    """A request that makes something."""

    request_id: str
    DESCRIPTOR: Descriptor

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...


def page_of(request: Paged) -> PageRequest:
    return page_request(request.page_size, request.page_token)


def filter_text(field: str, text: str) -> str:
    """A text to look for, which what is stored can equal."""
    if "\0" in text:
        raise invalid_field(field, NO_NUL)
    return text


def take_request_key(account_id: AccountId, request: Creating) -> RequestKey | None:
    """Takes the id out of the request: what is left is the content that a repetition must
    have in common. Without an id there is nothing to compare, nor to serialise."""
    request_id, request.request_id = request.request_id, ""
    if not request_id:
        return None
    method = request.DESCRIPTOR.full_name.removesuffix("Request")
    content = request.SerializeToString(deterministic=True)
    return request_key(account_id, method, request_id, content)
