"""How a stream ends when its server stops."""

from outdial_server.domain.errors import Reason, UnavailableError


def draining_error() -> UnavailableError:
    return UnavailableError(
        Reason.SERVER_DRAINING, "the server is stopping; resume on the next one"
    )
