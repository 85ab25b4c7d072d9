"""Explanations."""

from outdial.v1 import explanation_pb2 as pb

from outdial_server.api.conversion.enums import BATCH_STATE, GATE_LEVEL, SCHEDULED_CALL_STATE
from outdial_server.api.conversion.times import timestamp
from outdial_server.commands.explain import BatchExplanation, RowExplanation
from outdial_server.domain.explanation import Count, LevelledAnswer, RowTally, Verdict
from outdial_server.domain.sentences import batch_sentence, row_sentence, sentence


def batch_explanation_to_message(explanation: BatchExplanation) -> pb.BatchExplanation:
    standing = explanation.standing
    rows, counts = standing.rows, standing.batch.counts
    return pb.BatchExplanation(
        batch_id=standing.batch.batch_id,
        state=BATCH_STATE.to_message(standing.batch.state),
        at=timestamp(standing.at),
        verdict=_verdict(explanation.verdict, batch_sentence(explanation.verdict, standing)),
        gates=map(gate_to_message, explanation.answers),
        budget=explanation.budget,
        claimable=explanation.claimable,
        waiting=counts.waiting,
        claimed=rows.claimed,
        live=counts.live,
        due=_count(rows.due),
        put_off=_count(rows.put_off),
        next_due_at=timestamp(rows.next_due_at),
        blocked_rows=map(_blocked_rows, standing.tallies),
        rows_looked_at=standing.tallied_rows,
    )


def row_explanation_to_message(explanation: RowExplanation) -> pb.ScheduledCallExplanation:
    standing = explanation.standing
    row = standing.row
    return pb.ScheduledCallExplanation(
        scheduled_call_id=row.scheduled_call_id,
        batch_id=row.batch_id,
        state=SCHEDULED_CALL_STATE.to_message(row.state),
        at=timestamp(standing.batch.at),
        verdict=_verdict(explanation.verdict, row_sentence(explanation.verdict, standing)),
        gates=map(gate_to_message, explanation.answers),
        ahead=_count(standing.ahead) if explanation.answers else None,
        lease_end_time=timestamp(standing.lease_ends_at),
    )


def _verdict(verdict: Verdict, words: str) -> pb.Verdict:
    blocking = verdict.blocking
    return pb.Verdict(
        open=blocking is None,
        gate="" if blocking is None else blocking.gate,
        reason="" if blocking is None else blocking.reason,
        next_at=timestamp(verdict.next_at),
        sentence=words,
    )


def gate_to_message(levelled: LevelledAnswer) -> pb.Gate:
    answer = levelled.answer
    return pb.Gate(
        name=answer.gate,
        level=GATE_LEVEL.to_message(levelled.level),
        open=answer.is_open,
        budget=answer.budget,
        reason=answer.reason,
        figures=answer.figures,
        next_at=timestamp(answer.next_at),
        waits_for=answer.waits_for,
        sentence=sentence(answer),
    )


def _count(count: Count) -> pb.BoundedCount:
    return pb.BoundedCount(count=count.number, more=count.more)


def _blocked_rows(tally: RowTally) -> pb.BlockedRows:
    return pb.BlockedRows(
        gate=tally.gate, reason=tally.reason, rows=tally.rows, next_at=timestamp(tally.next_at)
    )
