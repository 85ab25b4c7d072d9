"""What the models of requests share: their spelling, kinds of values, and what is said of those
that do not fit."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from outdial_server.domain.errors import FieldViolation


class Plain(BaseModel):
    """A resource: what else is said beside its fields is ignored, as clients rely on."""

    model_config = ConfigDict(alias_generator=to_camel, strict=True, extra="ignore")


class Proto(BaseModel):
    """An `ultravox.v1` message: nothing is ignored in it."""

    model_config = ConfigDict(alias_generator=to_camel, strict=True, extra="forbid")


def read_moment(value: Any) -> datetime:
    """Raises PydanticCustomError."""
    try:
        at = datetime.fromisoformat(value)
        # Without an offset it is UTC, and the offset must not lead out of the calendar.
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise PydanticCustomError(
            "datetime",
            "Datetime has wrong format. Use one of these formats instead: "
            "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].",
        ) from None


Moment = Annotated[
    datetime,
    PlainValidator(read_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]

SPAN_PATTERN: Final = r"^-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,9})?s$"
_SPAN: Final = re.compile(SPAN_PATTERN, re.ASCII)


def _span(value: Any) -> timedelta:
    if not isinstance(value, str) or not _SPAN.fullmatch(value):
        raise PydanticCustomError("duration", 'Must be a number of seconds, as "30s".')
    return timedelta(seconds=float(value[:-1]))


def seconds(length: timedelta) -> str:
    return f"{length.total_seconds():.9f}".rstrip("0").rstrip(".") + "s"


Span = Annotated[
    timedelta,
    PlainValidator(_span),
    PlainSerializer(seconds),
    WithJsonSchema({"type": "string", "pattern": SPAN_PATTERN}),
]


def _uuid(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise PydanticCustomError("uuid", "Must be a valid UUID.") from None


Id = Annotated[str, AfterValidator(_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]


def _text_values(value: Any) -> Any:
    if isinstance(value, dict):
        for name, text in value.items():
            if not isinstance(text, str):
                raise PydanticCustomError("metadata", "All values must be strings.")
            if name.startswith("ultravox."):
                raise PydanticCustomError("metadata", "Keys with ultravox. are reserved.")
    return value


Metadata = Annotated[dict[str, str], BeforeValidator(_text_values)]

_TEXTS: Final[Mapping[str, str]] = {
    "missing": "This field is required.",
    "bool_type": "Must be a valid boolean.",
    "list_type": "Expected a list of items.",
    "dict_type": "Expected a dictionary of items.",
    "model_type": "Expected an object.",
    "model_attributes_type": "Expected an object.",
    "string_type": "Not a valid string.",
    "int_type": "A valid integer is required.",
    "extra_forbidden": "This field is not known.",
}
_BOUNDED: Final[Mapping[str, tuple[str, str]]] = {
    "string_too_long": ("max_length", "Ensure this field has no more than {} characters."),
    "string_too_short": ("min_length", "Ensure this field has at least {} characters."),
    "too_short": ("min_length", "Ensure this field has at least {} elements."),
    "too_long": ("max_length", "Ensure this field has no more than {} elements."),
    "greater_than_equal": ("ge", "Ensure this value is greater than or equal to {}."),
    "less_than_equal": ("le", "Ensure this value is less than or equal to {}."),
}
_OUTER: Final = frozenset({"body", "query", "path"})


def faults_of(errors: Iterable[Mapping[str, Any] | Any], at: str = "") -> Iterator[FieldViolation]:
    """What pydantic has found, in the words of this API. `at` is where it looked."""
    for error in errors:
        place: Sequence[str | int] = error["loc"]
        if not at and place and place[0] in _OUTER:
            place = place[1:]
        if error["type"] == "json_invalid":
            yield FieldViolation("body", str(error.get("ctx", {}).get("error", "it is no JSON")))
            continue
        yield FieldViolation(_path(at, place), _text(error))


def _path(at: str, place: Sequence[str | int]) -> str:
    path = at
    for step in place:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path.lstrip(".")


def _text(error: Mapping[str, Any]) -> str:
    kind = error["type"]
    if error.get("input", ...) is None and kind != "missing":
        return "This field may not be null."
    bound = _BOUNDED.get(kind)
    if bound is not None:
        name, text = bound
        return text.format(error["ctx"][name])
    return _TEXTS.get(kind) or str(error["msg"])
