"""Who is calling, as the interceptor found out, for the handler of the same RPC."""

from contextvars import ContextVar
from typing import Final

from outdial_server.domain.account import Principal

_CALLER: Final[ContextVar[Principal]] = ContextVar("caller")


def caller() -> Principal:
    """Raises LookupError in a handler that the interceptor lets in without a key."""
    return _CALLER.get()


def set_caller(principal: Principal) -> None:
    """For the rest of the present RPC: each has a context of its own."""
    _CALLER.set(principal)
