"""Imports of people and of contacts, and what was found in them."""

from typing import Final

from sqlalchemy import Column, Index, LargeBinary, SmallInteger, Table, Text

from outdial_server.storage.schema.columns import (
    BigInt,
    count_column,
    id_column,
    key_column,
    metadata,
    owner_column,
    partial_index,
)

imports: Final = Table(
    "imports",
    metadata,
    key_column(),
    id_column(),
    owner_column("account_key", "accounts"),
    # Not a foreign key: an import may outlive its batch.
    Column("batch_id", LargeBinary(16)),
    # Null while its rows come in.
    Column("state", SmallInteger),
    count_column("row_count"),
    count_column("added_count"),
    count_column("refused_count"),
    count_column("duplicate_count"),
    Column("findings_truncated", SmallInteger, nullable=False, server_default="0"),
    Column("created_us", BigInt, nullable=False),
    # Of contacts alone, and how many findings there are so far. Not a foreign key, as above.
    Column("folder_id", LargeBinary(16)),
    Column("overwrites", SmallInteger, nullable=False, server_default="0"),
    count_column("updated_count"),
    count_column("finding_count"),
)
partial_index("imports_adding", "state = 3", imports.c.key)
Index("imports_by_age", imports.c.created_us)
partial_index("imports_under_way", "state IS NULL", imports.c.key)

import_findings: Final = Table(
    "import_findings",
    metadata,
    Column("import_key", BigInt, primary_key=True),
    # 1, 2, 3 in the order of the rows.
    Column("seq", BigInt, primary_key=True),
    Column("row_number", BigInt, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("field", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("first_row_number", BigInt, nullable=False),
    sqlite_with_rowid=False,
)
