"""Whether an account at a carrier lets us in: by a list that each of its keys may read."""

from collections.abc import Awaitable, Callable, Collection
from http import HTTPStatus
from typing import Final

from outdial_server.carriers.answers import field
from outdial_server.outgoing.answer import Answer, AnswerLostError, NothingSentError
from outdial_server.ports.carrier import AccountFault

KEPT_OUT: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})


async def account_fault(
    asked: Awaitable[Answer],
    list_name: str,
    code_of: Callable[[Answer], str | None] = lambda answer: None,
    kept_out: Collection[int] = KEPT_OUT,
) -> AccountFault | None:
    """`list_name` is where the list is in the answer; `code_of` is the carrier's own word for
    what is wrong, where it has one; `kept_out` are the statuses that refuse the account."""
    try:
        answer = await asked
    except (NothingSentError, AnswerLostError) as error:
        return AccountFault(str(error), is_refusal=False)
    if answer.is_success and isinstance(field(answer, list_name), list):
        return None
    reason = code_of(answer) or f"HTTP_{answer.status}"
    return AccountFault(reason, is_refusal=answer.status in kept_out)
