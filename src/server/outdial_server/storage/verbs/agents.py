"""Agents."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from outdial_server.domain.agent import Agent, AgentFields, OutboundNumber
from outdial_server.domain.batch_refusals import agent_inactive
from outdial_server.domain.errors import (
    AlreadyExistsError,
    PreconditionError,
    Reason,
)
from outdial_server.domain.ids import AccountId, AgentId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey
from outdial_server.domain.slots import ScopeKind, SlotScope
from outdial_server.storage.encoding import (
    id_or_not_found,
    mapping_from,
    mapping_json,
    moment,
    not_found,
    pack_id,
    unpack_id,
)
from outdial_server.storage.statements import ConstraintError, Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.ledger import set_cap
from outdial_server.storage.verbs.outbound_numbers import (
    lock_account,
    read_outbound_numbers,
    take_all_from_agent,
)
from outdial_server.storage.verbs.paging import Listed
from outdial_server.storage.verbs.requests import answered_before

FIELD_COLUMNS: Final = (
    "g.display_name, g.max_concurrent_calls, g.metadata_json, g.active, g.texts_revision, "
    "g.prompt, g.first_message, g.join_url_template, g.default_context_json, "
    "g.context_schema_json, g.annotations_json"
)
"""What `fields_from` needs."""

_AGENT: Final = (
    "SELECT g.key, g.id, a.id AS account_id, g.revision, g.created_us, g.updated_us, s.used, "
    "g.outbound_numbers, "
    f"{FIELD_COLUMNS} "
    "FROM agents g JOIN accounts a ON a.key = g.account_key "
    f"JOIN slots s ON s.kind = {int(ScopeKind.AGENT)} AND s.owner = g.key "
    "WHERE g.deleted_us IS NULL AND g.account_key = :account "
)


def fields_from(row: Row) -> AgentFields:
    return AgentFields(
        display_name=row.display_name,
        max_concurrent_calls=row.max_concurrent_calls,
        metadata=mapping_from(row.metadata_json),
        active=bool(row.active),
        prompt=row.prompt,
        first_message=row.first_message,
        join_url_template=row.join_url_template,
        default_context_json=row.default_context_json,
        context_schema_json=row.context_schema_json,
        annotations_json=row.annotations_json or "",
    )


def _field_values(fields: AgentFields, revision: int) -> dict[str, Any]:
    return {
        "display_name": fields.display_name,
        "max_concurrent_calls": fields.max_concurrent_calls,
        "metadata_json": mapping_json(fields.metadata),
        "active": int(fields.active),
        "texts_revision": revision if fields.has_texts else 0,
        "prompt": fields.prompt,
        "first_message": fields.first_message,
        "join_url_template": fields.join_url_template,
        "default_context_json": fields.default_context_json,
        "context_schema_json": fields.context_schema_json,
        "annotations_json": fields.annotations_json or None,
    }


def _reader(tx: Tx, rows: Sequence[Row]) -> Callable[[Row], Agent]:
    """For these rows."""
    numbers = read_outbound_numbers(tx, [row.key for row in rows if row.outbound_numbers])
    return lambda row: _agent(row, numbers.get(row.key, ()))


def _agent(row: Row, numbers: tuple[OutboundNumber, ...]) -> Agent:
    return Agent(
        AgentId(unpack_id(row.id)),
        AccountId(unpack_id(row.account_id)),
        fields_from(row),
        row.revision,
        moment(row.created_us),
        moment(row.updated_us),
        row.used,
        numbers,
    )


def _row(tx: Tx, account_id: AccountId, agent_id: AgentId) -> Row:
    packed = id_or_not_found(agent_id, Reason.AGENT_NOT_FOUND, "agent")
    account = account_key(tx, account_id)
    row = tx.one_or_none(_AGENT + "AND g.id = :id", account=account, id=packed)
    if row is None:
        raise not_found(Reason.AGENT_NOT_FOUND, "agent", agent_id)
    return row


def agent_key(tx: Tx, account_id: AccountId, agent_id: AgentId) -> int:
    key: int = _row(tx, account_id, agent_id).key
    return key


def active_agent(tx: Tx, account_id: AccountId, agent_id: AgentId) -> tuple[int, AgentFields]:
    """For a batch to make. Raises NotFoundError (AGENT_NOT_FOUND), PreconditionError
    (AGENT_INACTIVE)."""
    row = _row(tx, account_id, agent_id)
    if not row.active:
        raise agent_inactive(agent_id)
    return row.key, fields_from(row)


def agent_fields(tx: Tx, key: int) -> AgentFields:
    """Deleted ones, too."""
    row = tx.one_or_none(f"SELECT {FIELD_COLUMNS} FROM agents g WHERE g.key = :key", key=key)
    assert row is not None, "agents are never removed"
    return fields_from(row)


def create_agent(
    tx: Tx,
    account_id: AccountId,
    agent_id: AgentId,
    fields: AgentFields,
    request: RequestKey | None,
) -> Agent:
    account = account_key(tx, account_id)
    earlier = answered_before(tx, account, request, agent_id)
    if earlier is not None:
        return get_agent(tx, account_id, AgentId(earlier))
    values = _field_values(fields, 1) | {
        "id": pack_id(agent_id),
        "account_key": account,
        "created_us": tx.now_us,
        "updated_us": tx.now_us,
    }
    names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    made = tx.run(
        f"INSERT INTO agents ({names}) VALUES ({places}) ON CONFLICT DO NOTHING", **values
    )
    if not made:
        raise _name_taken(fields.display_name)
    key = tx.scalar("SELECT key FROM agents WHERE id = :id", id=pack_id(agent_id))
    set_cap(tx, SlotScope(ScopeKind.AGENT, key), fields.max_concurrent_calls)
    return get_agent(tx, account_id, agent_id)


def get_agent(tx: Tx, account_id: AccountId, agent_id: AgentId) -> Agent:
    row = _row(tx, account_id, agent_id)
    return _reader(tx, [row])(row)


def list_agents(tx: Tx, account_id: AccountId, page: PageRequest, display_name: str) -> Page[Agent]:
    named = "AND g.display_name = :name " if display_name else ""
    parameters: dict[str, Any] = {"name": display_name} if display_name else {}
    parameters["account"] = account_key(tx, account_id)
    listed = Listed("agents", _AGENT + named, parameters, "g.key")
    rows = listed.rows(tx, page)
    return listed.page_of(tx, page, rows, _reader(tx, rows))


def change_agent(
    tx: Tx, account_id: AccountId, agent_id: AgentId, decide: Callable[[Agent], AgentFields]
) -> Agent:
    key = agent_key(tx, account_id, agent_id)
    _lock(tx, key)
    before = get_agent(tx, account_id, agent_id)
    after = decide(before)
    if after == before.fields:
        return before
    _write(tx, key, after, before.revision + 1)
    set_cap(tx, SlotScope(ScopeKind.AGENT, key), after.max_concurrent_calls)
    return get_agent(tx, account_id, agent_id)


def _write(tx: Tx, key: int, after: AgentFields, revision: int) -> None:
    values = _field_values(after, revision) | {"revision": revision, "updated_us": tx.now_us}
    assignments = ", ".join(f"{name} = :{name}" for name in values)
    try:
        tx.run(f"UPDATE agents SET {assignments} WHERE key = :key", key=key, **values)
    except ConstraintError as error:
        # The index decides, whoever takes the name at the same time.
        raise _name_taken(after.display_name) from error


def _name_taken(name: str) -> AlreadyExistsError:
    return AlreadyExistsError(
        Reason.AGENT_NAME_TAKEN, f"there is an agent named {name!r}", {"display_name": name}
    )


def delete_agent(tx: Tx, account_id: AccountId, agent_id: AgentId) -> None:
    """Batches in creation do not count: they are refused when they are to be revealed. Its
    numbers are free for other agents."""
    lock_account(tx, account_key(tx, account_id))
    key = agent_key(tx, account_id, agent_id)
    _lock(tx, key)
    busy = tx.scalar(
        "SELECT COUNT(*) FROM batches WHERE agent_key = :key AND ended_us IS NULL "
        "AND revealed_us IS NOT NULL",
        key=key,
    )
    if busy:
        raise PreconditionError(
            Reason.AGENT_IN_USE,
            f"{busy} batches or direct calls of the agent have not ended",
            {"batches": str(busy)},
        )
    take_all_from_agent(tx, key)
    tx.run("UPDATE agents SET deleted_us = :now WHERE key = :key", now=tx.now_us, key=key)


def refuse_unusable_agent(tx: Tx, batch_key: int, agent_id: AgentId) -> None:
    """For a batch that is about to be revealed. The agent stays as it is until the end of the
    transaction. Raises NotFoundError (AGENT_NOT_FOUND), PreconditionError
    (AGENT_INACTIVE)."""
    agent = tx.one_or_none(
        "SELECT g.deleted_us, g.active FROM batches b JOIN agents g ON g.key = b.agent_key "
        f"WHERE b.key = :key {tx.dialect.for_update('g')}",
        key=batch_key,
    )
    if agent is None or agent.deleted_us is not None:
        raise not_found(Reason.AGENT_NOT_FOUND, "agent", agent_id)
    if not agent.active:
        raise agent_inactive(agent_id)


def _lock(tx: Tx, key: int) -> None:
    if tx.dialect.locks_rows:
        tx.all(f"SELECT key FROM agents WHERE key = :key {tx.dialect.for_update()}", key=key)
