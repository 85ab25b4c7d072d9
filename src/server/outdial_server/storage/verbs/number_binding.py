"""Which agent calls from a number; and how a number goes."""

from outdial_server.domain.errors import PreconditionError, Reason
from outdial_server.domain.ids import AccountId, AgentId, PhoneNumberId
from outdial_server.domain.limits import NUMBERS_PER_POOL_MAX
from outdial_server.domain.phone_number import PhoneNumber, with_placed
from outdial_server.storage.encoding import unpack_id
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.agents import agent_key
from outdial_server.storage.verbs.outbound_numbers import (
    lock_account,
    read_order,
    take_from_agent,
    write_order,
)
from outdial_server.storage.verbs.phone_numbers import (
    find_number,
    get_phone_number,
)
from outdial_server.storage.verbs.rotations import batches_that_list


def bind_phone_number(
    tx: Tx,
    account_id: AccountId,
    phone_number_id: PhoneNumberId,
    agent_id: AgentId,
    place: int | None,
) -> PhoneNumber:
    number = _locked(tx, account_id, phone_number_id)
    agent = agent_key(tx, account_id, agent_id)
    if number.agent_key not in (None, agent):
        holder: str = tx.scalar(
            "SELECT display_name FROM agents WHERE key = :key", key=number.agent_key
        )
        raise PreconditionError(
            Reason.PHONE_NUMBER_BOUND,
            f"{number.address} is bound to the agent {holder!r}",
            {"agent_id": unpack_id(number.agent_id)},
        )
    order = with_placed(read_order(tx, agent), number.key, place)
    if len(order) > NUMBERS_PER_POOL_MAX:
        raise PreconditionError(
            Reason.TOO_MANY_NUMBERS,
            f"the agent has {NUMBERS_PER_POOL_MAX} phone numbers, and may have no more",
            {"limit": str(NUMBERS_PER_POOL_MAX)},
        )
    write_order(tx, agent, order)
    return get_phone_number(tx, account_id, phone_number_id)


def unbind_phone_number(
    tx: Tx, account_id: AccountId, phone_number_id: PhoneNumberId
) -> PhoneNumber:
    _unbound(tx, account_id, phone_number_id)
    return get_phone_number(tx, account_id, phone_number_id)


def delete_phone_number(tx: Tx, account_id: AccountId, phone_number_id: PhoneNumberId) -> None:
    """Only hidden: calls that show it go on, and hold its slots."""
    number = _unbound(tx, account_id, phone_number_id)
    busy = batches_that_list(tx, number.account_key, unpack_id(number.id))
    others = f", and {len(busy) - 1} more" if len(busy) > 1 else ""
    if busy:
        raise PreconditionError(
            Reason.PHONE_NUMBER_IN_USE,
            f"the batch {busy[0].display_name!r} lists the number and has not ended{others}",
            {"batches": str(len(busy)), "batch_id": unpack_id(busy[0].id)},
        )
    tx.run(
        "UPDATE phone_numbers SET deleted_us = :now WHERE key = :key AND deleted_us IS NULL",
        now=tx.now_us,
        key=number.key,
    )


def _unbound(tx: Tx, account_id: AccountId, phone_number_id: PhoneNumberId) -> Row:
    number = _locked(tx, account_id, phone_number_id)
    if number.agent_key is not None:
        take_from_agent(tx, number.agent_key, number.key)
    return number


def _locked(tx: Tx, account_id: AccountId, phone_number_id: PhoneNumberId) -> Row:
    """The number as it is while nobody else binds or deletes one."""
    lock_account(tx, account_key(tx, account_id))
    return find_number(tx, account_id, phone_number_id)
