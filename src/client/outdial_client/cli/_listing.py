"""The part of a list that a command shows."""

from typing import Annotated, TypeVar

import typer
from google.protobuf.message import Message

from outdial_client._pager import Pager
from outdial_client.cli._screen import Listing, Screen

_Message = TypeVar("_Message", bound=Message)

Limit = Annotated[int, typer.Option(min=1, help="At most so many.")]
LARGEST_PAGE = 1000


async def show_list(
    screen: Screen, pager: Pager[_Message], listing: Listing[_Message], limit: int
) -> None:
    """The first `limit` of a list, and a word when there are more."""
    shown: list[_Message] = []
    more = False
    async for message in pager:
        if len(shown) == limit:
            more = True
            break
        shown.append(message)
    screen.list(shown, listing)
    if more:
        screen.note(f"There are more than {limit}: see them with --limit.")
