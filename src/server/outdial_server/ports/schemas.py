"""JSON Schema, as agents say what a context must hold."""

from collections.abc import Sequence
from typing import Protocol

from outdial_server.domain.errors import FieldViolation
from outdial_server.domain.template import Context


class SchemaError(ValueError):
    """A text that is no schema that we take; the message says where and why."""


class ContextSchema(Protocol):
    """One schema, ready for many contexts."""

    def faults(self, context: Context, most: int) -> Sequence[FieldViolation]:
        """At most `most`, each under its path in the context; none for a context that fits.
        What it costs has a bound by the size of schema and context. Never raises."""
        ...


class SchemaCompiler(Protocol):
    async def check(self, schema_json: str) -> None:
        """Takes its time, up to a second, and lets others have theirs. Raises
        SchemaError."""
        ...

    def compile(self, schema_json: str) -> ContextSchema:
        """Of one that was checked before; at once."""
        ...
