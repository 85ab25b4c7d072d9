"""How far each endpoint has been told of each batch. The event log is what is sent: nothing is
written for an event, only a turn for each endpoint and batch, which goes once the batch has
ended and all of it is told.

Lock order: a batch that has ended, the endpoint, then turns."""

from typing import Final

from outdial_server.storage.tx import Tx

TOLD_OF: Final = (
    "b.account_key = w.account_key AND (w.agent_key IS NULL OR w.agent_key = b.agent_key) "
    "AND (w.batch_id IS NULL OR w.batch_id = b.id) "
)
"""Whether an endpoint `w` is told of a batch `b`."""


def follow_batch(tx: Tx, account: int, batch: int) -> None:
    """From its next event on, for the endpoints of the account; to be called under the batch
    row. A turn that is there stays, and is looked at once more: whoever was about to take it
    away for a batch that has ended then leaves it."""
    tx.run(
        "INSERT INTO webhook_turns (webhook_key, batch_key, seq) "
        "SELECT w.key, b.key, b.event_seq FROM webhooks w "
        f"JOIN batches b ON {TOLD_OF}"
        "WHERE w.account_key = :account AND w.active = 1 AND b.key = :batch "
        "ON CONFLICT (webhook_key, batch_key) DO UPDATE SET leased_us = 0",
        account=account,
        batch=batch,
    )


def follow_open_batches(tx: Tx, webhook: int) -> None:
    """From their next events on. Those that are staged yet come when they are revealed."""
    tx.run(
        "INSERT INTO webhook_turns (webhook_key, batch_key, seq) "
        "SELECT w.key, b.key, b.event_seq FROM webhooks w "
        f"JOIN batches b ON {TOLD_OF}"
        "WHERE w.key = :webhook AND b.ended_us IS NULL AND b.revealed_us IS NOT NULL "
        "ON CONFLICT (webhook_key, batch_key) DO NOTHING",
        webhook=webhook,
    )


def forget_turns(tx: Tx, webhook: int) -> None:
    for table in ("webhook_resends", "webhook_turns"):
        tx.run(f"DELETE FROM {table} WHERE webhook_key = :webhook", webhook=webhook)


def forget_turns_of_batch(tx: Tx, batch: int) -> None:
    for table in ("webhook_resends", "webhook_turns"):
        tx.run(f"DELETE FROM {table} WHERE batch_key = :batch", batch=batch)
