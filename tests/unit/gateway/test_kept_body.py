"""A body that is kept until it is given away."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.types import Message

from outdial_server.gateway.kept_body import Digest, KeptBody

BEHIND: Message = {"type": "http.disconnect"}


class Sender:
    """Sends a body in pieces, and then goes away."""

    def __init__(self, *pieces: bytes, breaks_off: bool = False) -> None:
        last = len(pieces) - 1
        self._messages = [
            {"type": "http.request", "body": piece, "more_body": breaks_off or n < last}
            for n, piece in enumerate(pieces)
        ]

    async def __call__(self) -> Message:
        return self._messages.pop(0) if self._messages else BEHIND


async def given_away(body: KeptBody) -> bytes:
    whole, has_more = b"", True
    while has_more:
        message = await body.receive()
        whole += message["body"]
        has_more = message["more_body"]
    return whole


@pytest.mark.parametrize(
    "pieces",
    [(b"",), (b"abc",), (b"ab", b"", b"c"), (b"x" * 70_000, b"y" * 1_100_000, b"z" * 70_000)],
    ids=["empty", "one", "several", "long"],
)
async def test_it_is_given_as_it_was_read_and_then_what_follows_it(
    pieces: tuple[bytes, ...],
) -> None:
    with KeptBody(Sender(*pieces)) as body:
        await body.read()
        whole = b"".join(pieces)
        assert body.digest == sha256(whole).digest()
        assert body.if_short(len(whole)) == whole
        assert body.if_short(len(whole) - 1) is None
        assert await given_away(body) == whole
        assert await body.receive() == BEHIND


async def test_one_that_does_not_come_whole_is_refused() -> None:
    with KeptBody(Sender(b"abc", breaks_off=True)) as body:
        with pytest.raises(HTTPException) as caught:
            await body.read()
        assert caught.value.status_code == 400


@given(st.lists(st.text("ab-", max_size=6)), st.text("ab-", max_size=3))
def test_what_is_left_out_does_not_count_however_the_text_is_cut(
    pieces: list[str], left_out: str
) -> None:
    digest = Digest(left_out.encode())
    for piece in pieces:
        digest.add(piece.encode())
    whole = "".join(pieces)
    left = whole.replace(left_out, "") if left_out else whole
    assert digest.value() == sha256(left.encode()).digest()
