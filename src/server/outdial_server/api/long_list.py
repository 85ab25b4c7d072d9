"""Requests that hold a long list."""

from collections.abc import Sequence
from itertools import islice

from outdial.v1.scheduled_call_pb2 import ScheduledCall

from outdial_server.api.conversion.scheduled_call import raw_row
from outdial_server.commands.rows import SLICE_ROWS, RawRows


async def listed_rows(messages: Sequence[ScheduledCall]) -> RawRows:
    rows = enumerate(messages)
    while piece := list(islice(rows, SLICE_ROWS)):
        yield [(index, raw_row(message)) for index, message in piece]
