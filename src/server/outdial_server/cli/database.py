"""The database, for commands that work on it themselves."""

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from outdial_server.settings import load_settings

if TYPE_CHECKING:
    from outdial_server.app.foundation import Foundation


def opened() -> "AbstractAsyncContextManager[Foundation]":
    # Loaded by who needs it: the other commands start in half the time.
    from outdial_server.app.foundation import open_foundation  # noqa: PLC0415

    return open_foundation(load_settings())
