"""What a carrier's calls are listed by: all of them, or none."""

from collections.abc import Iterator
from contextlib import contextmanager

from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.outgoing.answer import AnswerLostError, NothingSentError


@contextmanager
def whole_or_unavailable() -> Iterator[None]:
    """Around a list that is asked for page by page: one page that does not come, or that says
    something else (ValueError), leaves no list."""
    try:
        yield
    except (NothingSentError, AnswerLostError, ValueError) as error:
        raise UnavailableError(Reason.CARRIER_UNAVAILABLE, "no list of calls") from error
