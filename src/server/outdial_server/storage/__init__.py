"""The SQL store: SQLite and PostgreSQL behind the same ports."""

from outdial_server.storage.migrate import is_up_to_date, migrate
from outdial_server.storage.opening import CannotOpenError, is_shared
from outdial_server.storage.store import Store, exchange_hints, master_key_path, open_store

__all__ = [
    "CannotOpenError",
    "Store",
    "exchange_hints",
    "is_shared",
    "is_up_to_date",
    "master_key_path",
    "migrate",
    "open_store",
]
