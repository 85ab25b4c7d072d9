"""`client.batches.forecast` and `outdial forecast`."""

import json
from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.batch_service_pb2 import ForecastBatchResponse
from rich.cells import cell_len

from client.command_line import Outdial
from client.far_end import FarEnd
from outdial_client import (
    BatchState,
    CallsForecast,
    Client,
    CountRange,
    Disposition,
    Forecast,
    ForecastBasis,
    ForecastPoint,
    Gate,
    LimitForecast,
    PeopleForecast,
    ScheduledCallState,
    SkipsForecast,
    TimeRange,
)
from outdial_client.cli._plot import draw_plot

BATCH_ID = "01900000-0000-7000-8000-00000000000b"
BEGIN = 1_800_000_000
UTC = {"TZ": "UTC"}


def at(seconds: int) -> Timestamp:
    return Timestamp(seconds=BEGIN + seconds)


def some(point: int, by: int = 0) -> CountRange:
    return CountRange(point=point, low=point - by, high=point + by)


TOLD = Forecast(
    batch_id=BATCH_ID,
    state=BatchState.BATCH_STATE_DRAFT,
    at=at(0),
    horizon_time=at(86_400),
    runs=19,
    range_percent=80,
    end_time=TimeRange(point=at(3_600), low=at(3_000), high=at(4_200)),
    first_call_time=TimeRange(point=at(0), low=at(0), high=at(0)),
    calls=some(120, 5),
    calls_by_disposition=[
        CallsForecast(disposition=Disposition.DISPOSITION_NO_ANSWER, calls=some(30, 4))
    ],
    people=[
        PeopleForecast(state=ScheduledCallState.SCHEDULED_CALL_STATE_COMPLETED, people=some(90, 6)),
        PeopleForecast(state=ScheduledCallState.SCHEDULED_CALL_STATE_EXPIRED, people=some(0)),
    ],
    skips=[SkipsForecast(reason="SUPPRESSED", people=some(7))],
    bucket=Duration(seconds=600),
    series=[
        ForecastPoint(
            start_time=at(600 * place),
            calls=20,
            live=live,
            limits=[LimitForecast(gate="slots_batch", used=live, cap=20)],
        )
        for place, live in enumerate((20, 20, 15, 5, 0, 0))
    ],
    basis=ForecastBasis(agent_calls=812, other_batches=3, assumes_start=True),
)


async def test_a_batch_is_forecast(far_end: FarEnd, client: Client) -> None:
    far_end.answer("ForecastBatch", ForecastBatchResponse(forecast=TOLD))
    assert await client.batches.forecast(BATCH_ID, horizon=timedelta(days=7)) == TOLD
    (request,) = far_end.requests("ForecastBatch")
    assert request.batch_id == BATCH_ID
    assert request.horizon == Duration(seconds=604_800)


async def test_the_command_shows_the_end_the_numbers_and_a_plot(
    far_end: FarEnd, outdial: Outdial
) -> None:
    far_end.answer("ForecastBatch", ForecastBatchResponse(forecast=TOLD))
    shown = await outdial("forecast", BATCH_ID, "--horizon", "2d")
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("Ends 2027-01-15 ")
    assert "in 1:00:00 (80 %: " in lines[0]
    assert "DRAFT" in lines[1]
    cells = [line.split() for line in lines]
    assert ["calls", "to", "come", "120", "115", "to", "125"] in cells
    assert ["no", "answer", "30", "26", "to", "34"] in cells
    assert ["people", "completed", "90", "84", "to", "96"] in cells
    assert ["skipped", "as", "SUPPRESSED", "7", "7", "to", "7"] in cells
    assert not any("expired" in line for line in lines)
    assert ["slots_batch", "20", "50.0%", "100.0%"] in cells
    plot = lines[lines.index("Calls alive") + 1 :]
    assert plot[0].startswith("20 ┤███")
    assert plot[7].startswith(" 0 ┤")
    assert all(cell_len(line) <= 100 for line in plot)
    assert lines[-1] == "19 runs, from 812 calls of its agent. 3 other batches are in it."
    assert far_end.requests("ForecastBatch")[0].horizon == Duration(seconds=172_800)


async def test_quiet_leaves_the_end_and_json_everything(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("ForecastBatch", ForecastBatchResponse(forecast=TOLD))
    quiet = (await outdial("forecast", BATCH_ID, "--quiet")).stdout.splitlines()
    assert [line.split()[0] for line in quiet] == ["Ends"]
    told = json.loads((await outdial("forecast", BATCH_ID, "--json")).stdout)
    assert told["calls"] == {"point": "120", "low": "115", "high": "125"}
    assert len(told["series"]) == 6
    assert not far_end.requests("ForecastBatch")[0].HasField("horizon")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (Forecast(unfinished_runs=19), "does not end by 2027-01-"),
        (Forecast(end_time=TimeRange(low=at(9))), "It may at "),
        (Forecast(stuck_at=Gate(sentence="The agent rests.")), "by itself: The agent rests."),
    ],
)
async def test_what_has_no_end_in_sight_is_said(
    far_end: FarEnd, outdial: Outdial, changes: Forecast, says: str
) -> None:
    told = Forecast(at=at(0), horizon_time=at(86_400), runs=19)
    told.MergeFrom(changes)
    far_end.answer("ForecastBatch", ForecastBatchResponse(forecast=told))
    shown = await outdial("forecast", BATCH_ID)
    assert says in shown.stdout.splitlines()[0]
    assert "defaults" in shown.stdout.splitlines()[-1]


def test_a_plot_keeps_to_its_width_whatever_it_is_given() -> None:
    for values in ([], [0.0], [1.0], [float(n) for n in range(200)], [0.001] * 7):
        for width in (12, 40, 100):
            lines = draw_plot(values, ["begin", "between", "end"], width, 6)
            assert len(lines) == 8
            assert all(cell_len(line) <= width or not values for line in lines[:-1])


def test_a_plot_shows_the_shape_of_its_figures() -> None:
    lines = draw_plot([0.0, 8.0, 16.0, 16.0], ["a", "b"], 20, 2)
    assert lines == [
        "16 ┤        ████████",
        " 0 ┤    ████████████",
        "   └────────────────",
        "    a              b",
    ]
