"""The database itself."""

from typing import Final

from sqlalchemy import Column, SmallInteger, Table, Text

from outdial_server.storage.schema.columns import BigInt, count_column, metadata

# One row: of what all servers of a database share.
installation: Final = Table(
    "installation",
    metadata,
    Column("key", SmallInteger, primary_key=True, autoincrement=False),
    # When a server last wrote here.
    count_column("seen_us"),
    # Servers that know it may go on, whatever has been added since. A migration that takes
    # something away sets it to the first revision whose servers did without.
    Column("oldest_revision", Text, nullable=False, server_default="0064"),
    # That of PostgreSQL's log then: each failover has another. Null where it is not known.
    Column("timeline", Text),
    # See domain.quarantine. Null without one.
    Column("quarantined_us", BigInt),
    Column("doubt_from_us", BigInt),
)
