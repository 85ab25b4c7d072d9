"""Requests that were answered, so that one which comes again gets the same answer."""

from typing import Final

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from outdial_server.storage.schema.columns import BigInt, metadata

requests: Final = Table(
    "requests",
    metadata,
    Column("account_key", BigInt, primary_key=True),
    Column("surface", Text, primary_key=True),
    Column("request_id", Text, primary_key=True),
    Column("fingerprint", LargeBinary(32), nullable=False),
    Column("answer_json", Text, nullable=False),
    Column("expires_us", BigInt, nullable=False),
    sqlite_with_rowid=False,
)
Index("requests_by_expiry", requests.c.expires_us)
