"""The event log of each batch."""

from typing import Final

from sqlalchemy import Column, SmallInteger, Table, Text

from outdial_server.storage.schema.columns import BigInt, metadata

events: Final = Table(
    "events",
    metadata,
    Column("batch_key", BigInt, primary_key=True),
    Column("seq", BigInt, primary_key=True),
    Column("at_us", BigInt, nullable=False),
    Column("type", SmallInteger, nullable=False),
    # See storage.causes.
    Column("cause", Text, nullable=False),
    # The after-image: of a batch where `scheduled_key` is null, else of that row.
    Column("scheduled_key", BigInt),
    Column("call_key", BigInt),
    Column("state", SmallInteger, nullable=False),
    Column("reason", Text),
    Column("detail", Text),
    Column("total", BigInt),
    Column("dispatch_outcome", SmallInteger),
    Column("attempt", SmallInteger),
    Column("call_state", SmallInteger),
    Column("disposition", SmallInteger),
    # When the row is due that waits again.
    Column("due_us", BigInt),
    # Of the batch, where the event changed it.
    Column("previous_state", SmallInteger),
    sqlite_with_rowid=False,
)
