"""Turns a list of rows into what is stored: duplicates found, positions given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from outdial_server.domain.batch import DuplicatePolicy
from outdial_server.domain.errors import FieldViolation, InvalidFieldsError, Reason
from outdial_server.domain.scheduled_call import NewScheduledCall


@dataclass(frozen=True, slots=True)
class SkippedDuplicate:
    index: int
    normalized_address: str
    kept_position: int


@dataclass(frozen=True, slots=True)
class PlacedRows:
    """Rows that go in, from `first_position` on without a gap, and those left out."""

    first_position: int
    rows: tuple[NewScheduledCall, ...]
    skipped: tuple[SkippedDuplicate, ...]


def place_rows(
    rows: Sequence[NewScheduledCall],
    policy: DuplicatePolicy,
    first_position: int = 0,
    already_there: Mapping[str, int] | None = None,
) -> PlacedRows:
    """Gives positions by the batch's rule for duplicates. `already_there` holds the
    positions of the given addresses that the batch has already.

    Raises InvalidFieldsError (DUPLICATE_ADDRESS) for REJECT, naming every later row.
    """
    if policy is DuplicatePolicy.KEEP:
        return PlacedRows(first_position, tuple(rows), ())
    seen = dict(already_there or {})
    kept: list[NewScheduledCall] = []
    skipped: list[SkippedDuplicate] = []
    for index, row in enumerate(rows):
        first = seen.setdefault(row.normalized_address, first_position + len(kept))
        if first == first_position + len(kept):
            kept.append(row)
        else:
            skipped.append(SkippedDuplicate(index, row.normalized_address, first))
    if skipped and policy is DuplicatePolicy.REJECT:
        raise _duplicates(skipped)
    return PlacedRows(first_position, tuple(kept), tuple(skipped))


def _duplicates(skipped: Sequence[SkippedDuplicate]) -> InvalidFieldsError:
    return InvalidFieldsError(
        [
            FieldViolation(
                f"scheduled_calls[{row.index}].address",
                f"is the same as at position {row.kept_position}",
            )
            for row in skipped
        ],
        Reason.DUPLICATE_ADDRESS,
    )
