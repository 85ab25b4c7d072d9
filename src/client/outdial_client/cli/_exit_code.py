"""What the command's exit says to a script."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes; docs/client.md lists them."""

    OK = 0
    SERVER_ERROR = 1
    USAGE = 2
    BATCH_NOT_COMPLETED = 3
    """A batch that was watched ended FAILED or CANCELLED."""
    ROWS_REFUSED = 4
    INTERRUPTED = 130


class CommandFailure(Exception):
    """Something that the command itself found wrong."""

    def __init__(self, message: str, code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
