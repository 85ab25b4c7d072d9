"""WatchBatches: streams of watch/ over many batches, in messages."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from outdial.v1 import batch_service_pb2 as pb

from outdial_server.api.conversion.batch import batch_to_message
from outdial_server.api.conversion.ids import canonical, required_id
from outdial_server.api.watch_stream import watch_interval
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.ids import AccountId, AgentId, BatchId
from outdial_server.ports.accounts import AgentStore
from outdial_server.ports.board import Board, Selection
from outdial_server.ports.clock import Clock
from outdial_server.ports.signals import Signals
from outdial_server.watch.board_watcher import BoardRequest, BoardUpdate, BoardWatchers

BATCH_IDS_MAX: Final = 100


class BoardStream:
    """The watchers of many batches of this process. `draining`, once set, ends all streams."""

    def __init__(
        self,
        board: Board,
        agents: AgentStore,
        clock: Clock,
        signals: Signals,
        draining: asyncio.Event,
    ) -> None:
        self._agents = agents
        # Its count is for telemetry.
        self.watchers = BoardWatchers(board, clock, signals, draining)

    async def messages(
        self, account_id: AccountId, request: pb.WatchBatchesRequest
    ) -> AsyncGenerator[pb.WatchBatchesResponse, None]:
        """Raises InvalidFieldsError, NotFoundError (BATCH_NOT_FOUND, AGENT_NOT_FOUND),
        UnavailableError (SERVER_DRAINING)."""
        selection = _selection(account_id, request)
        wanted = BoardRequest(selection, request.resume_token, watch_interval(request))
        # Whoever watches on sees the batches of an agent to their end, should it be deleted.
        if selection.agent_id is not None and not wanted.resume_token:
            await self._agents.get_agent(account_id, selection.agent_id)
        async with aclosing(self.watchers.watch(wanted)) as updates:
            async for update in updates:
                yield _update_to_message(update)


def _selection(account_id: AccountId, request: pb.WatchBatchesRequest) -> Selection:
    if len(request.batch_ids) > BATCH_IDS_MAX:
        raise invalid_field("batch_ids", f"must be at most {BATCH_IDS_MAX}")
    if request.batch_ids and request.agent_id:
        raise invalid_field("agent_id", "must not be given together with batch_ids")
    named = (
        BatchId(required_id(text, f"batch_ids[{index}]"))
        for index, text in enumerate(request.batch_ids)
    )
    agent_id = AgentId(canonical(request.agent_id)) if request.agent_id else None
    return Selection(account_id, tuple(dict.fromkeys(named)), agent_id)


def _update_to_message(update: BoardUpdate) -> pb.WatchBatchesResponse:
    return pb.WatchBatchesResponse(
        batches=map(batch_to_message, update.batches),
        deleted_batch_ids=update.deleted_batch_ids,
        snapshot_complete=update.is_snapshot_complete,
        heartbeat=update.is_heartbeat,
        resume_token=update.resume_token,
        truncated=update.is_truncated,
    )
