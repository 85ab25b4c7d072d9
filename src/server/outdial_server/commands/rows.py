"""Takes a list of rows in, slice by slice: check, place, stage. One slice is worked on while
the loop waits for nobody else, so a long list never holds it for more than a few ms."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final, Self

from outdial_server.commands.contexts import ContextCheck, context_check
from outdial_server.commands.number_zones import zone_of_number
from outdial_server.commands.row_configs import RowConfigs
from outdial_server.commands.row_params import RowParams
from outdial_server.domain.carrier_terms import CarrierTerms
from outdial_server.domain.errors import FieldViolation, InvalidFieldsError, OutdialError
from outdial_server.domain.intake import CheckedRows, ListTally, RowFault, Tally
from outdial_server.domain.limits import FIELD_VIOLATIONS_MAX, IMPORT_ROWS_MAX
from outdial_server.domain.medium import ANY_MEDIUM, MediumRule
from outdial_server.domain.plan import NumberedRow, Placement, R
from outdial_server.domain.request import GrowingRequest, RequestName
from outdial_server.domain.row_checks import RawRow, check_row
from outdial_server.domain.scheduled_call import NewScheduledCall
from outdial_server.domain.time_zones import ZoneRule, known_zones
from outdial_server.ports.intake import Outcome, RowSink, Staging, StoredRows
from outdial_server.ports.schemas import SchemaCompiler

SLICE_ROWS: Final = 500
"""About 5 ms of the event loop, and as much of the writer's thread: neither dialling nor
other requests wait longer than that for their turn."""

ROWS_LOOKED_AT: Final = 10_000
"""Of a list that is refused already."""

RawRows = AsyncGenerator[Sequence[tuple[int, RawRow]], None]
"""Rows as they come, with their numbers, at most `SLICE_ROWS` at a time."""

MoreRows = Callable[[RawRows, datetime], RawRows]
"""Rows with others behind them, as those are at a moment."""


def check_rows(
    raw: Sequence[tuple[int, RawRow]], media: MediumRule = ANY_MEDIUM
) -> CheckedRows[NewScheduledCall]:
    rows: list[NumberedRow] = []
    faults: list[RowFault] = []
    violations: list[FieldViolation] = []
    zones = known_zones()
    for number, row in raw:
        checked = check_row(row, zones, violations, media)
        if checked is not None:
            rows.append((number, checked))
        else:
            faults += (
                RowFault(number, fault.field, fault.description, row.contact_id)
                for fault in violations
            )
            violations.clear()
    return CheckedRows(len(raw), rows, faults)


async def checked_rows(
    raw: RawRows, staging: Staging, contexts: ContextCheck | None, terms: CarrierTerms
) -> AsyncGenerator[CheckedRows[NewScheduledCall], None]:
    configs = RowConfigs(staging, terms)
    params = RowParams(terms, configs)
    async with aclosing(raw):
        async for piece in raw:
            checked = params.write(await configs.check(check_rows(piece, staging.media)))
            yield checked if contexts is None else await contexts.check(checked)


async def take_in(
    staging: Staging, pieces: AsyncGenerator[CheckedRows[NewScheduledCall], None], tally: Tally
) -> None:
    """Rows of a batch, with the zones that their numbers tell; see `take_slices`."""
    await take_slices(staging, pieces, tally, partial(_with_zones, staging))


async def take_slices(
    staging: RowSink[R],
    pieces: AsyncGenerator[CheckedRows[R], None],
    tally: Tally,
    completed: Callable[[Sequence[R]], Sequence[R]],
) -> None:
    """Stages the good rows as long as there is a chance that they will be revealed, and
    counts all of them. While one slice is written, the next is read and checked; the one
    after that is not read before the first is staged."""
    placement = Placement(staging.duplicates, staging.first_position)
    async with aclosing(pieces), _Behind() as behind:
        async for checked in pieces:
            addresses = [row.normalized_address for _, row in checked.rows]
            async for there in staging.already_there(addresses):
                placement.learn(there)
            placed = placement.place(checked.rows)
            findings = tally.note(checked, placed)
            if tally.is_full:
                return
            rows = () if tally.is_refused else completed(placed.rows)
            await behind.follow(staging.stage(rows, findings))


class _Behind:
    """One step of work that goes on while the next is prepared. Leaving waits for it: what
    is under way must not be staged after the rest was erased."""

    def __init__(self) -> None:
        self._step: asyncio.Task[None] | None = None

    async def follow(self, step: Coroutine[Any, Any, None]) -> None:
        """Begins a step when the one before is done, and raises what that one raised."""
        try:
            await self._done()
        except BaseException:
            step.close()
            raise
        self._step = asyncio.create_task(step)

    async def _done(self) -> None:
        step, self._step = self._step, None
        if step is not None:
            await step

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            await self._done()
        elif self._step is not None:
            # Whatever it raises comes second.
            await asyncio.gather(self._step, return_exceptions=True)


def _with_zones(staging: Staging, rows: Sequence[NewScheduledCall]) -> Sequence[NewScheduledCall]:
    """With the zones that the numbers tell, where the batch goes by them."""
    if staging.zone_rule is not ZoneRule.RECIPIENT_ZONE:
        return rows
    return [row if row.time_zone else _with_zone(row, staging.begun_at) for row in rows]


def _with_zone(row: NewScheduledCall, now: datetime) -> NewScheduledCall:
    zone = zone_of_number(row.normalized_address, now)
    return replace(row, number_zone=zone) if zone else row


async def take_list(
    staging: Staging,
    raw: RawRows,
    request: GrowingRequest | None,
    refusal_of_none: OutdialError | None,
    schemas: SchemaCompiler,
    terms: CarrierTerms,
    more: MoreRows | None = None,
) -> StoredRows:
    """A list all or nothing, as requests bring it that hold it whole; `more` is what is not
    in the request itself. `refusal_of_none` is raised for an empty one."""
    if request is not None and staging.is_repeated:
        return await answer_again(staging, raw, request)
    tally = ListTally(staging.duplicates)
    if more is not None:
        tally = ListTally(staging.duplicates, IMPORT_ROWS_MAX)
        raw = more(raw, staging.begun_at)
    contexts = context_check(staging.agent, schemas)
    await take_in(staging, checked_rows(raw, staging, contexts, terms), tally)
    tally.raise_if_refused()
    if refusal_of_none is not None and not tally.row_count:
        raise refusal_of_none
    outcome = Outcome(tally.skipped, tally.duplicate_count)
    return await staging.reveal(outcome, request.key if request else None)


async def with_faults_of_rows(error: InvalidFieldsError, raw: RawRows) -> InvalidFieldsError:
    """What is wrong with a batch, and with its rows by themselves: for one answer, from the first
    `ROWS_LOOKED_AT` of them."""
    found = list(error.violations)
    looked_at = 0
    async with aclosing(raw):
        async for piece in raw:
            faults = check_rows(piece).faults
            found += (FieldViolation(fault.path, fault.description) for fault in faults)
            looked_at += len(piece)
            if len(found) >= FIELD_VIOLATIONS_MAX or looked_at >= ROWS_LOOKED_AT:
                break
            await asyncio.sleep(0)
    return InvalidFieldsError(found)


async def answer_again(staging: Staging, raw: RawRows, request: GrowingRequest) -> StoredRows:
    """For a request that was carried out before: of its rows only the content counts."""
    async with aclosing(raw):
        async for _ in raw:
            await asyncio.sleep(0)
    return await staging.earlier(request.key)


def name_of(request: GrowingRequest | None) -> RequestName | None:
    return request.name if request else None
