"""Lists of rows come in in slices: each slice a transaction, so that dialling takes its turn
in between. Rows at a batch's `next_position` and behind are staged: not seen and not
dialled. `revealing` shows them, in one last transaction; `broken_lists` erases what never comes to
that."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from outdial_server.domain.agent import AgentFields
from outdial_server.domain.batch import BatchState
from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.batch_rules import first_state, refuse_append_when_over
from outdial_server.domain.carrier_params import DialledThrough
from outdial_server.domain.claims import dialing_rank
from outdial_server.domain.errors import ConflictError, Reason
from outdial_server.domain.ids import AccountId, BatchId, ImportId
from outdial_server.domain.imports import Finding
from outdial_server.domain.medium import ANY_MEDIUM, WEBHOOK_CARRIER, MediumRule
from outdial_server.domain.request import RequestName
from outdial_server.domain.scheduled_call import NewScheduledCall
from outdial_server.domain.time_zones import ZoneRule
from outdial_server.ports.intake import NewBatch
from outdial_server.storage.encoding import created_at, mapping_json, pack_id, seconds_or_none
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.agents import active_agent, agent_fields
from outdial_server.storage.verbs.batch_rows import batch_from, find_batch, settings_values
from outdial_server.storage.verbs.carrier_configs import config_of_batch, dialled_through
from outdial_server.storage.verbs.imports import begin_import, keep_findings
from outdial_server.storage.verbs.number_checks import carrier_of_numbers, refuse_without_number
from outdial_server.storage.verbs.requests import was_answered
from outdial_server.storage.verbs.rotations import write_list
from outdial_server.storage.verbs.row_configs import note_row_configs
from outdial_server.storage.verbs.throttles import throttle_key

STALE_AFTER: Final = timedelta(minutes=1)
"""Staged rows without a younger one among them belong to a server that is gone, or to a
sender that has stopped: another server may take their place."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A list under way, and where it goes. `first_id` is the id of its first row: by it a
    list tells its own rows from those of another server that has taken its place."""

    account_id: AccountId
    account_key: int
    batch_id: BatchId
    batch_key: int
    duplicates: DuplicatePolicy
    first_position: int
    first_id: str
    zone_rule: ZoneRule
    begun_at: datetime
    through: DialledThrough
    agent: AgentFields | None = None
    # Set for a batch that is made with the list.
    new: NewBatch | None = None
    import_id: ImportId | None = None
    import_key: int | None = None
    is_repeated: bool = False
    # Nothing of it is staged: it is revealed in a transaction that is rolled back.
    is_rehearsed: bool = False
    # Of the batch, for its people.
    media: MediumRule = ANY_MEDIUM
    # It takes the place of those who wait. With the number of the batch's last event when it
    # began: who is sent later was called meanwhile.
    replaces: bool = False
    sequence: int = 0


def stage_batch(
    tx: Tx, new: NewBatch, name: RequestName | None, import_id: ImportId | None
) -> Staged:
    account = account_key(tx, new.account_id)
    if was_answered(tx, account, name):
        return _repeated(tx, account, new.account_id, new.batch_id)
    key_of_agent, agent = active_agent(tx, new.account_id, new.agent_id)
    settings = new.settings
    carrier = new.carrier
    if not carrier and not settings.carrier_config:
        carrier = carrier_of_numbers(tx, account, key_of_agent, settings)
    config = config_of_batch(tx, account, settings.carrier_config, carrier)
    needs_config = new.terms.needs_config(config.carrier, new.medium)
    # Its numbers may have one: see `refuse_without_number`.
    by_number = needs_config and config.key is None
    new.terms.refuse(
        config.carrier,
        has_credentials=config.has_credentials or by_number,
        join_url=agent.join_url_template,
        account=None if config.key is None else config.through.account,
    )
    params = new.terms.written_at(
        f"{new.path}.carrier_params", settings.carrier_params, config.through
    )
    values = settings_values(replace(settings, carrier_params=params)) | {
        "id": pack_id(new.batch_id),
        "account_key": account,
        "agent_key": key_of_agent,
        "throttle_key": throttle_key(tx, account, settings.throttle),
        "carrier_config_key": config.key,
        "carrier": config.carrier,
        "is_direct": int(new.is_direct),
        "medium": int(new.medium),
        "needs_config": int(needs_config),
        "duplicates": int(new.duplicates),
        "zone_rule": int(new.zone_rule),
        "has_other_zones": int(new.zone_rule is ZoneRule.RECIPIENT_ZONE),
        "state": int(state_to_start_in(new, tx.now)[0]),
        "created_us": tx.now_us,
        "updated_us": tx.now_us,
    }
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    key = tx.scalar(f"INSERT INTO batches ({names}) VALUES ({places}) RETURNING key", **values)
    if new.settings.phone_numbers:
        write_list(tx, key, account, new.settings.phone_numbers)
    refuse_without_number(tx, key)
    return Staged(
        new.account_id,
        account,
        new.batch_id,
        key,
        new.duplicates,
        0,
        tx.ids.new_id(),
        new.zone_rule,
        tx.now,
        config.through,
        agent,
        new,
        import_id,
        begin_import(tx, account, import_id) if import_id else None,
        media=MediumRule(
            settings.webhook is not None, config.carrier != WEBHOOK_CARRIER, new.medium
        ),
    )


def state_to_start_in(new: NewBatch, now: datetime) -> tuple[BatchState, str]:
    return first_state(draft=new.draft, window_start=new.settings.window_start, now=now)


def stage_append(
    tx: Tx,
    account_id: AccountId,
    batch_id: BatchId,
    name: RequestName | None,
    import_id: ImportId | None,
    *,
    replaces: bool = False,
) -> Staged:
    account = account_key(tx, account_id)
    if was_answered(tx, account, name):
        return _repeated(tx, account, account_id, batch_id)
    row = find_batch(tx, account_id, batch_id)
    batch = batch_from(row)
    refuse_append_when_over(batch, tx.now)
    _refuse_beside_another(tx, row)
    return Staged(
        account_id,
        account,
        batch_id,
        row.key,
        batch.duplicates,
        row.next_position,
        tx.ids.new_id(),
        batch.zone_rule,
        tx.now,
        dialled_through(tx, row.carrier_config_key, batch.carrier),
        agent_fields(tx, row.agent_key),
        None,
        import_id,
        begin_import(tx, account, import_id) if import_id else None,
        media=batch.medium_rule,
        replaces=replaces,
        sequence=batch.sequence,
    )


def _repeated(tx: Tx, account: int, account_id: AccountId, batch_id: BatchId) -> Staged:
    return Staged(
        account_id,
        account,
        batch_id,
        0,
        DuplicatePolicy.KEEP,
        0,
        "",
        ZoneRule.BATCH_ZONE,
        tx.now,
        DialledThrough(""),
        is_repeated=True,
    )


def _refuse_beside_another(tx: Tx, batch: Row) -> None:
    """Another server may be adding to the batch. In one server lists take turns."""
    newest = tx.scalar(
        "SELECT id FROM scheduled_calls WHERE batch_key = :batch AND position >= :end "
        "ORDER BY position DESC LIMIT 1",
        batch=batch.key,
        end=batch.next_position,
    )
    if newest is not None and created_at(newest) > tx.now - STALE_AFTER:
        raise changed_meanwhile()


def changed_meanwhile() -> ConflictError:
    return ConflictError(
        Reason.BATCH_CHANGED, "somebody else added rows to the batch at the same moment"
    )


_COLUMNS: Final = (
    "id",
    "batch_key",
    "position",
    "address",
    "normalized_address",
    "custom_id",
    "time_zone",
    "number_zone",
    "contact_id",
    "contact_folder_id",
    "caller_id",
    "priority",
    "context_json",
    "metadata_json",
    "annotations_json",
    "ring_timeout_s",
    "max_duration_s",
    "carrier_params_json",
    "medium",
    "carrier_config_key",
    "rank",
    "due_us",
)


def stage_rows(tx: Tx, staged: Staged, offset: int, rows: Sequence[NewScheduledCall]) -> None:
    """`offset`: how many of the list are staged already."""
    ids = list(tx.ids.new_ids(len(rows)))
    if not offset and ids:
        ids[0] = staged.first_id
    batch_key, due_us = staged.batch_key, tx.now_us
    tx.happened.rows_staged += len(rows)
    at = staged.first_position + offset
    configs = note_row_configs(tx, staged.account_key, batch_key, rows)
    tx.insert(
        "scheduled_calls",
        _COLUMNS,
        [
            (
                pack_id(new_id),
                batch_key,
                position,
                row.address,
                None if row.normalized_address == row.address else row.normalized_address,
                row.custom_id or None,
                row.time_zone or None,
                row.number_zone or None,
                pack_id(row.contact_id) if row.contact_id else None,
                pack_id(row.contact_folder_id) if row.contact_folder_id else None,
                row.caller_id or None,
                row.priority,
                row.template_context_json or None,
                mapping_json(row.metadata) or None,
                row.annotations_json or None,
                seconds_or_none(row.ring_timeout),
                seconds_or_none(row.max_call_duration),
                mapping_json(row.carrier_params) or None,
                None if row.medium is None else int(row.medium),
                configs[row.carrier_config] if row.carrier_config else None,
                dialing_rank(row.priority, 0),
                due_us,
            )
            for position, (new_id, row) in enumerate(zip(ids, rows, strict=True), at)
        ],
    )
    if any(row.time_zone for row in rows):
        # Stays, should the list break off: the batch then asks each row, to the same end.
        note_other_zones(tx, staged)


def note_other_zones(tx: Tx, staged: Staged) -> None:
    tx.run(
        "UPDATE batches SET has_other_zones = 1 WHERE key = :key AND has_other_zones = 0",
        key=staged.batch_key,
    )


def stage_findings(tx: Tx, staged: Staged, offset: int, findings: Sequence[Finding]) -> None:
    assert staged.import_key is not None, "only imports keep findings"
    keep_findings(tx, staged.import_key, count(offset + 1), findings)


def is_in_place(tx: Tx, staged: Staged) -> bool:
    """Whether the rows behind the revealed ones are those of this list."""
    found = tx.scalar(
        "SELECT id FROM scheduled_calls WHERE batch_key = :batch AND position = :first",
        batch=staged.batch_key,
        first=staged.first_position,
    )
    return found is not None and bytes(found) == pack_id(staged.first_id)
