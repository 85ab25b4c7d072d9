"""What went wrong, told to a person or to a program."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from outdial_client._errors import (
    AbortedError,
    DeadlineExceededError,
    EventsErasedError,
    NotFoundError,
    OutdialError,
    PermissionDeniedError,
    UnauthenticatedError,
    UnavailableError,
)
from outdial_client.cli._exit_code import CommandFailure, ExitCode
from outdial_client.cli._screen import Screen, to_line
from outdial_client.cli._settings import Settings

_WHERE_TO_LOOK = {
    "ACCOUNT_NOT_FOUND": ("account", "list"),
    "AGENT_NOT_FOUND": ("agent", "list"),
    "API_KEY_NOT_FOUND": ("keys", "list"),
    "BATCH_NOT_FOUND": ("batch", "list"),
    "CALL_NOT_FOUND": ("call", "list"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A sentence, what it is about, and what to do."""

    exit_code: ExitCode
    message: str
    reason: str = ""
    """The server's; what the command finds wrong itself has none."""
    faults: tuple[tuple[str, str], ...] = ()
    """Fields or subjects, each with what is wrong with it."""
    hint: str = ""
    request_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Figures that belong to the reason."""

    def show(self, screen: Screen) -> None:
        """To stderr: words, or one object with the same names for every failure."""
        if screen.is_json:
            screen.notes.out(to_line(self._object()), highlight=False)
            return
        screen.complain(f"Error: {self.message}" + (f" ({self.reason})" if self.reason else ""))
        for subject, fault in self.faults:
            # Of a single fault the message says the same.
            if fault not in self.message:
                screen.complain(f"  {subject}: {fault}")
        if self.hint:
            screen.complain(f"  {self.hint}")
        if self.request_id:
            screen.complain(f"  request {self.request_id}")

    def _object(self) -> dict[str, Any]:
        return {
            "error": {
                "exit_code": int(self.exit_code),
                "reason": self.reason or self.exit_code.name,
                "message": self.message,
                "fields": [
                    {"field": subject, "description": fault} for subject, fault in self.faults
                ],
                "metadata": dict(self.metadata),
                "hint": self.hint,
                "request_id": self.request_id,
            }
        }


def describe_failure(failure: CommandFailure) -> Failure:
    """What the command itself found wrong."""
    return Failure(
        exit_code=failure.code,
        message=failure.message,
        hint=failure.hint,
    )


def describe_error(
    error: OutdialError, code: ExitCode, settings: Settings | None, screen: Screen
) -> Failure:
    """What the server said, or that it said nothing."""
    faults = [(fault.field, fault.description) for fault in error.details.fields]
    faults += [(fault.subject, fault.description) for fault in error.details.preconditions]
    return Failure(
        exit_code=code,
        message=error.message,
        reason=error.reason or error.code.name,
        faults=tuple(faults),
        hint=_hint(error, settings, screen),
        request_id=error.request_id,
        metadata=error.metadata,
    )


def _hint(error: OutdialError, settings: Settings | None, screen: Screen) -> str:
    is_silence = isinstance(error, (UnavailableError, DeadlineExceededError))
    if is_silence and not error.request_id and settings:
        return _where_the_server_is_looked_for(settings)
    if isinstance(error, UnauthenticatedError) and settings:
        return _where_the_key_comes_from(settings, screen)
    if isinstance(error, PermissionDeniedError) and error.metadata.get("scope"):
        return _a_key_with(error.metadata["scope"], screen)
    if isinstance(error, NotFoundError) and error.reason in _WHERE_TO_LOOK:
        return f"See what there is: {screen.command(*_WHERE_TO_LOOK[error.reason])}"
    if isinstance(error, EventsErasedError) and error.oldest_sequence:
        return f"What is left of them comes with --after {error.oldest_sequence - 1}."
    if isinstance(error, AbortedError):
        return "Somebody else was faster: try again."
    if error.retry_after is not None:
        return f"Try again in {error.retry_after.total_seconds():g} s."
    return ""


def _a_key_with(scope: str, screen: Screen) -> str:
    word = scope.removeprefix("API_KEY_SCOPE_").lower()
    make = screen.command("keys", "create", "NAME", "--scope", word)
    return f"Use a key that has it; one with the scope admin makes such keys: {make}"


def _where_the_server_is_looked_for(settings: Settings) -> str:
    source = settings.source("address")
    question = f"Is a server running at {settings.address}?"
    if source == "default":
        return f"{question} Name another with --address or OUTDIAL_ADDRESS."
    return f"{question} The address comes from {source}."


def _where_the_key_comes_from(settings: Settings, screen: Screen) -> str:
    if settings.api_key:
        return f"The key comes from {settings.source('api_key')}."
    keep = screen.command("config", "set", "api_key", "-")
    return f"Give a key with --api-key or OUTDIAL_API_KEY, or keep it: {keep}"
