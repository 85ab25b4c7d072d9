"""ExplainBatch and ExplainScheduledCall: why calls are dialled or not."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from outdial_server.domain.carrier_config import Dialler
from outdial_server.domain.explanation import (
    BatchStanding,
    LevelledAnswer,
    RowStanding,
    Verdict,
    batch_answers,
    batch_verdict,
    diallers_of,
    row_answers,
    row_verdict,
    server_answers,
)
from outdial_server.domain.ids import AccountId, BatchId, ScheduledCallId
from outdial_server.ports.carrier import FindCarrier
from outdial_server.ports.explanations import DiallingProbe, StandingReader


@dataclass(frozen=True, slots=True)
class BatchExplanation:
    standing: BatchStanding
    answers: Sequence[LevelledAnswer]
    verdict: Verdict
    # What the scope gates let through now; None for any number.
    budget: int | None
    # What the next claim takes of the batch, if nothing changes before.
    claimable: int


@dataclass(frozen=True, slots=True)
class RowExplanation:
    """`answers` are empty, and the verdict open, unless the row waits without a slot."""

    standing: RowStanding
    answers: Sequence[LevelledAnswer]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Explain:
    standings: StandingReader
    find_carrier: FindCarrier
    probe: DiallingProbe

    async def batch(self, account_id: AccountId, batch_id: BatchId) -> BatchExplanation:
        standing = await self.standings.batch_standing(account_id, batch_id)
        answers = [*batch_answers(standing), *await self._of_server(standing, standing.diallers)]
        of_batch = [a.budget for a in standing.scope_answers if a.budget is not None]
        return BatchExplanation(
            standing,
            answers,
            batch_verdict(standing, answers),
            min(of_batch, default=None),
            standing.share.granted,
        )

    async def scheduled_call(
        self, account_id: AccountId, row_id: ScheduledCallId
    ) -> RowExplanation:
        standing = await self.standings.row_standing(account_id, row_id)
        candidate = standing.candidate
        if candidate is None:
            return RowExplanation(standing, (), Verdict())
        own = diallers_of(standing.batch.batch, candidate)
        of_server = await self._of_server(standing.batch, own or standing.batch.diallers)
        answers = [*row_answers(standing, candidate), *of_server]
        return RowExplanation(standing, answers, row_verdict(standing, candidate, answers))

    async def _of_server(
        self, standing: BatchStanding, diallers: Collection[Dialler]
    ) -> list[LevelledAnswer]:
        """Without any the gates of the numbers have said so."""
        found = [await self.find_carrier(*dialler) for dialler in diallers]
        has_carrier = not found or any(one is not None for one in found)
        return server_answers(self.probe(), standing.at, has_carrier=has_carrier)
