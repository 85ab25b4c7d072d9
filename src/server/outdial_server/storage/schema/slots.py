"""How many calls go on, by whatever has a cap."""

from typing import Final

from sqlalchemy import CheckConstraint, Column, Integer, SmallInteger, Table

from outdial_server.storage.schema.columns import BigInt, metadata

slots: Final = Table(
    "slots",
    metadata,
    Column("kind", SmallInteger, primary_key=True),
    Column("owner", BigInt, primary_key=True),
    Column("target_cap", Integer),
    Column("hard_cap", Integer),
    Column("used", Integer, nullable=False, server_default="0"),
    # See domain.slots.SlotRow.
    Column("opens_us", BigInt),
    Column("opens_mark", BigInt, nullable=False, server_default="0"),
    # Of `used`.
    Column("external", Integer, nullable=False, server_default="0"),
    Column("served", BigInt, nullable=False, server_default="0"),
    CheckConstraint("used >= 0", name="slots_not_negative"),
    CheckConstraint("hard_cap IS NULL OR used <= hard_cap", name="slots_within_cap"),
    sqlite_with_rowid=False,
)
