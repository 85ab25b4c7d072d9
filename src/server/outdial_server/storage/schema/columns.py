"""What the tables are made of."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    text,
)

metadata: Final = MetaData()

BigInt: Final = BigInteger().with_variant(Integer, "sqlite")


def key_column() -> Column[int]:
    return Column("key", BigInt, primary_key=True, autoincrement=True)


def id_column() -> Column[bytes]:
    return Column("id", LargeBinary(16), nullable=False, unique=True)


def owner_column(name: str, table: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInt, ForeignKey(f"{table}.key"), nullable=nullable)


def text_column(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def count_column(name: str) -> Column[int]:
    return Column(name, BigInt, nullable=False, server_default="0")


def partial_index(name: str, where: str, *columns: Column[Any], unique: bool = False) -> None:
    """Of the rows alone for which `where` holds."""
    Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))
