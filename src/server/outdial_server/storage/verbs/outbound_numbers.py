"""The numbers that agents call from, in their order.

Whoever changes it locks the account first: two that are bound at once do not get one place.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from outdial_server.domain.agent import OutboundNumber
from outdial_server.domain.ids import PhoneNumberId
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, unpack_id
from outdial_server.storage.tx import Tx

_KEY = (("key", Kind.INT),)
_PLACED = (*_KEY, ("place", Kind.INT))


def lock_account(tx: Tx, account: int) -> None:
    if tx.dialect.locks_rows:
        tx.all(f"SELECT key FROM accounts WHERE key = :key {tx.dialect.for_update()}", key=account)


def read_order(tx: Tx, agent: int) -> list[int]:
    rows = tx.all(
        "SELECT key FROM phone_numbers WHERE agent_key = :agent ORDER BY place", agent=agent
    )
    return [row.key for row in rows]


def write_order(tx: Tx, agent: int, order: Sequence[int]) -> None:
    """All numbers of the agent from now on; whatever else it has is to be taken from it."""
    tx.run(
        "UPDATE phone_numbers SET agent_key = :agent, place = r.place "
        f"FROM {tx.dialect.rows('rows', _PLACED)} AS r WHERE phone_numbers.key = r.key",
        agent=agent,
        rows=json_text([[key, place] for place, key in enumerate(order)]),
    )
    _count(tx, agent, len(order))


def take_from_agent(tx: Tx, agent: int, number: int) -> None:
    tx.run("UPDATE phone_numbers SET agent_key = NULL WHERE key = :key", key=number)
    write_order(tx, agent, read_order(tx, agent))


def take_all_from_agent(tx: Tx, agent: int) -> None:
    tx.run("UPDATE phone_numbers SET agent_key = NULL WHERE agent_key = :agent", agent=agent)
    _count(tx, agent, 0)


def _count(tx: Tx, agent: int, count: int) -> None:
    tx.run("UPDATE agents SET outbound_numbers = :n WHERE key = :key", n=count, key=agent)


def read_outbound_numbers(
    tx: Tx, agents: Collection[int]
) -> Mapping[int, tuple[OutboundNumber, ...]]:
    """By agent."""
    if not agents:
        return {}
    rows = tx.all(
        "SELECT n.agent_key, n.id, n.address FROM phone_numbers n WHERE n.agent_key IN "
        f"(SELECT r.key FROM {tx.dialect.rows('keys', _KEY)} AS r) "
        "ORDER BY n.agent_key, n.place",
        keys=json_text([[key] for key in sorted(agents)]),
    )
    found: defaultdict[int, list[OutboundNumber]] = defaultdict(list)
    for row in rows:
        number = OutboundNumber(PhoneNumberId(unpack_id(row.id)), row.address)
        found[row.agent_key].append(number)
    return {agent: tuple(numbers) for agent, numbers in found.items()}
