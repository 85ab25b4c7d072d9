"""Rows are checked against what their agent needs of them, when they are added."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from outdial_server.domain.agent import AgentFields
from outdial_server.domain.agent_texts import (
    AgentTexts,
    missing,
    parse_texts,
    too_long,
    variables,
)
from outdial_server.domain.errors import FieldViolation
from outdial_server.domain.intake import CheckedRows, RowFault
from outdial_server.domain.limits import CONTEXT_FAULTS_PER_ROW_MAX
from outdial_server.domain.plan import NumberedRow
from outdial_server.domain.scheduled_call import NewScheduledCall
from outdial_server.domain.template import Path
from outdial_server.ports.schemas import ContextSchema, SchemaCompiler

_FIELD: Final = "template_context"

_ROWS_WITH_VARIABLES: Final = 500
_ROWS_WITH_SCHEMA: Final = 50
"""At once: about 2 ms of the event loop, and with a large schema what it takes."""


@dataclass(frozen=True, slots=True)
class ContextCheck:
    """What one request checks its contexts by: parsed and compiled once."""

    texts: AgentTexts
    needed: Sequence[tuple[Path, str]]
    schema: ContextSchema | None

    async def check(self, checked: CheckedRows[NewScheduledCall]) -> CheckedRows[NewScheduledCall]:
        """Takes out the rows whose context does not do. Others have their turn in between."""
        good: list[NumberedRow] = []
        faults = list(checked.faults)
        rows_at_once = _ROWS_WITH_VARIABLES if self.schema is None else _ROWS_WITH_SCHEMA
        for start in range(0, len(checked.rows), rows_at_once):
            for number, row in checked.rows[start : start + rows_at_once]:
                found = self._faults(row.template_context_json)
                if found:
                    faults += (_row_fault(number, row, violation) for violation in found)
                else:
                    good.append((number, row))
            await asyncio.sleep(0)
        # In the order of the rows. Stable: those of one row stay as they were found.
        faults.sort(key=lambda fault: fault.number)
        return CheckedRows(checked.count, good, faults)

    def _faults(self, context_json: str) -> Sequence[FieldViolation]:
        given = orjson.loads(context_json) if context_json else {}
        context = self.texts.context(given)
        if self.schema is None:
            found = missing(self.needed, context)
        else:
            found = self.schema.faults(context, CONTEXT_FAULTS_PER_ROW_MAX)
        if len(context_json) > self.texts.safe_chars:
            found = [*found, *too_long(self.texts, context)]
        return found[:CONTEXT_FAULTS_PER_ROW_MAX]


def context_check(agent: AgentFields, schemas: SchemaCompiler) -> ContextCheck | None:
    """None for an agent that takes any context."""
    texts, schema = parse_texts(agent), None
    if agent.context_schema_json:
        schema = schemas.compile(agent.context_schema_json)
    needed = variables(texts)
    return ContextCheck(texts, needed, schema) if needed or schema else None


def _row_fault(number: int, row: NewScheduledCall, violation: FieldViolation) -> RowFault:
    # A path into an array follows without a dot.
    dot = "." if violation.field and not violation.field.startswith("[") else ""
    return RowFault(
        number, f"{_FIELD}{dot}{violation.field}", violation.description, row.contact_id
    )
