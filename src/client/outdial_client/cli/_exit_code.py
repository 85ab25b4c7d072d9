"""What the command's exit says to a script."""

from enum import IntEnum

from outdial_client._errors import (
    AbortedError,
    AlreadyExistsError,
    DeadlineExceededError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    OutdialError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnauthenticatedError,
    UnavailableError,
)


class ExitCode(IntEnum):
    """Exit codes; docs/command.md lists them."""

    OK = 0
    SERVER_ERROR = 1
    """Whatever has no code of its own."""
    USAGE = 2
    """The command line, the config file or a value in them is wrong."""
    BATCH_NOT_COMPLETED = 3
    """A batch that was followed ended FAILED or CANCELLED."""
    ROWS_REFUSED = 4
    NOT_FOUND = 5
    NOT_ALLOWED = 6
    """No key, one that does not work, or one that lacks a scope."""
    NOT_POSSIBLE = 7
    """Not in the present state: what is there already, has ended, is in use
    or has no room."""
    UNREACHABLE = 8
    """No answer from the server: the same command may work later."""
    INTERRUPTED = 130


_BY_ERROR: tuple[tuple[type[OutdialError], ExitCode], ...] = (
    (InvalidArgumentError, ExitCode.USAGE),
    (NotFoundError, ExitCode.NOT_FOUND),
    (UnauthenticatedError, ExitCode.NOT_ALLOWED),
    (PermissionDeniedError, ExitCode.NOT_ALLOWED),
    (AlreadyExistsError, ExitCode.NOT_POSSIBLE),
    (FailedPreconditionError, ExitCode.NOT_POSSIBLE),
    (AbortedError, ExitCode.NOT_POSSIBLE),
    (ResourceExhaustedError, ExitCode.NOT_POSSIBLE),
    (UnavailableError, ExitCode.UNREACHABLE),
    (DeadlineExceededError, ExitCode.UNREACHABLE),
)


def exit_code_of(error: OutdialError) -> ExitCode:
    """The code for an error of the SDK."""
    codes = (code for kind, code in _BY_ERROR if isinstance(error, kind))
    return next(codes, ExitCode.SERVER_ERROR)


class CommandFailure(Exception):
    """Something that the command itself found wrong."""

    def __init__(self, message: str, code: ExitCode = ExitCode.USAGE, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint
