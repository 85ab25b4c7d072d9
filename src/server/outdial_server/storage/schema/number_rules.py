"""How often a number may be called, and when it was."""

from typing import Final

from sqlalchemy import Column, Index, Integer, Table, Text

from outdial_server.storage.schema.columns import BigInt, metadata

# What an account asks of each number. Its row is what SENDING of the account locks.
number_rules: Final = Table(
    "number_rules",
    metadata,
    Column("account_key", BigInt, primary_key=True, autoincrement=False),
    Column("min_gap_s", Integer),
    Column("max_calls_per_day", Integer),
)

# Calls of such accounts, of late. No foreign keys: a call may be erased before, and its key
# used again.
number_calls: Final = Table(
    "number_calls",
    metadata,
    Column("call_key", BigInt, primary_key=True),
    Column("sent_us", BigInt, primary_key=True),
    Column("account_key", BigInt, nullable=False),
    # In normal form.
    Column("address", Text, nullable=False),
    # Null while it is live.
    Column("ended_us", BigInt),
    sqlite_with_rowid=False,
)
Index("number_calls_by_number", number_calls.c.account_key, number_calls.c.address)
