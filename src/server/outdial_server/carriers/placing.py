"""A new call, asked for with one request over HTTP."""

from collections.abc import Awaitable, Callable

from outdial_server.carriers.answers import dial_result
from outdial_server.domain.carrier_params import ParamsError
from outdial_server.domain.report import Fault
from outdial_server.outgoing.answer import Answer, AnswerLostError, NothingSentError
from outdial_server.ports.carrier import DialRequest, DialResult, NotSent, Refused, Unclear


async def placed(
    request: DialRequest,
    send: Callable[[DialRequest], Awaitable[Answer]],
    carrier_call_id: Callable[[Answer], object],
    known_refusal: Callable[[Answer], Refused | None],
) -> DialResult:
    """`send` makes the request and sends it, once; see `dial_result` for the others."""
    if not request.join_url:
        # The carrier would not know what to do with whoever answers.
        return Refused("AGENT_HAS_NO_JOIN_URL", Fault.CONFIGURATION)
    try:
        answer = await send(request)
    except ParamsError:
        # They were in order when they were written: the account is another one since.
        return Refused("INVALID_PARAMS", Fault.CONFIGURATION)
    except NothingSentError as error:
        return NotSent(str(error))
    except AnswerLostError as error:
        return Unclear(str(error))
    return dial_result(answer, carrier_call_id, known_refusal)
