"""Estimates of windows."""

from outdial.v1 import window_pb2 as pb

from outdial_server.api.conversion.enums import LENGTH_SOURCE
from outdial_server.api.conversion.times import duration, timestamp
from outdial_server.domain.window_estimate import WindowEstimate


def estimate_to_message(found: WindowEstimate) -> pb.WindowEstimate:
    return pb.WindowEstimate(
        call_count=found.people,
        begin_time=timestamp(found.begin),
        smallest_window=None if found.needed is None else duration(found.needed),
        earliest_window_end=timestamp(found.earliest_end),
        fits=found.fits,
        expected_call_duration=duration(found.expected.length),
        expected_from=LENGTH_SOURCE.to_message(found.expected.source),
        slots=found.slots or 0,
    )
