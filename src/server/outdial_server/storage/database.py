"""Where transactions run. A verb is one synchronous function over a `Tx`; `write` and
`read` carry it out, whole."""

from collections.abc import Callable, Sized
from functools import cache
from types import CodeType
from typing import Protocol, TypeVar

from outdial_server.storage.dialects.dialect import Dialect
from outdial_server.storage.tx import Tx

T = TypeVar("T")
G = TypeVar("G", bound=Sized)


def name_of(verb: Callable[..., object]) -> str:
    """What telemetry calls a transaction: the store's method that asks for it, or the verb
    itself where it is handed on as it is."""
    code: CodeType = verb.__code__
    return _name_in(code.co_qualname)


@cache
def _name_in(qualified_name: str) -> str:
    method, _, _ = qualified_name.partition(".<locals>")
    return method.rpartition(".")[2].lstrip("_")


class Database(Protocol):
    @property
    def dialect(self) -> Dialect: ...

    async def write(self, verb: Callable[[Tx], T]) -> T:
        """Runs a verb in a writing transaction, again when the database asks for it. Raises
        UnavailableError (DATABASE_UNAVAILABLE) when it cannot be reached."""
        ...

    async def write_group(self, take: Callable[[], G], verb: Callable[[Tx, G], T]) -> T:
        """As `write`, with a group that is taken once, when the writer is free."""
        ...

    async def read(self, verb: Callable[[Tx], T]) -> T:
        """Runs a verb in a transaction that sees one moment and changes nothing."""
        ...

    async def read_first(self, verb: Callable[[Tx], T]) -> T:
        """As `read`, for short reads that dialling or every request waits for: long lists
        and watchers that are behind do not stand before them."""
        ...

    async def close(self) -> None: ...
