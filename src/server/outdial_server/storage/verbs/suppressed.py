"""Who of a group may not be dialled: one look at the do-not-call list by index."""

from collections.abc import Collection
from typing import Final

from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text
from outdial_server.storage.tx import Tx

NORMAL_FORM: Final = "coalesce(s.normalized_address, s.address)"
"""The normal form of a scheduled call's address, as SQL."""

_ADDRESS: Final = (("address", Kind.TEXT),)


def among_addresses(tx: Tx, term: str) -> str:
    """Whether `term` is among the addresses of the parameter `addresses`."""
    return f"{term} IN (SELECT r.address FROM {tx.dialect.rows('addresses', _ADDRESS)} AS r)"


def addresses_json(addresses: Collection[str]) -> str:
    return json_text([[address] for address in addresses])


def find_suppressed(tx: Tx, account: int, addresses: Collection[str]) -> frozenset[str]:
    """Which of these addresses nobody of the account may dial now."""
    rows = tx.all(
        "SELECT p.address FROM suppressions p WHERE p.account_key = :account "
        "AND (p.expires_us IS NULL OR p.expires_us > :now) "
        f"AND {among_addresses(tx, 'p.address')}",
        account=account,
        now=tx.now_us,
        addresses=addresses_json(addresses),
    )
    return frozenset(row.address for row in rows)
