"""Pages of lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from outdial_server.domain.errors import FieldViolation, InvalidFieldsError, Reason, invalid_field
from outdial_server.domain.limits import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`token` is what the page before gave, empty for the first. So many as `skip` are passed
    over behind its place."""

    size: int = PAGE_SIZE_DEFAULT
    token: str = ""
    skip: int = 0
    is_counted: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: Sequence[T]
    # Empty on the last page.
    next_token: str
    # Of all items that fit, on whichever page; None where nobody asked for it.
    total: int | None = None


def page_request(
    size: int, token: str, skip: int = 0, *, show_total_size: bool = False
) -> PageRequest:
    """0 means the default; more than the most is cut to it, as AIP-158 has it."""
    if size < 0:
        raise invalid_field("page_size", "must not be negative")
    if skip < 0:
        raise invalid_field("skip", "must not be negative")
    return PageRequest(min(size or PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX), token, skip, show_total_size)


def page_token_invalid() -> InvalidFieldsError:
    violation = FieldViolation("page_token", "was not given by this list; leave it empty to begin")
    return InvalidFieldsError([violation], Reason.PAGE_TOKEN_INVALID)
