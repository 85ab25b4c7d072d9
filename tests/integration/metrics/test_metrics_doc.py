"""docs/metrics.md, the dashboard and the alerts against a scrape of a server that has lived."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
import httpx
import pytest
import pytest_asyncio
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import WatchBatchRequest
from outdial.v1.batch_service_pb2_grpc import BatchServiceStub
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from tests.integration.conftest import OPERATOR_KEY

from outdial_server.app.server import RunningServer
from support.grpc import call, with_key

ROOT = Path(__file__).parents[3]
KEY = with_key(OPERATOR_KEY)

pytestmark = pytest.mark.asyncio(loop_scope="module")

_LABEL = re.compile(r"`(\w+)`")

NEVER_HERE = {"outdial_loop_failures_total"}
"""Has a series only once something has failed."""


@dataclass(frozen=True)
class Told:
    """A metric as one line of the page, or of a scrape, tells it."""

    kind: str
    labels: frozenset[str]
    meaning: str


def documented() -> dict[str, Told]:
    told: dict[str, Told] = {}
    for line in (ROOT / "docs/metrics.md").read_text().splitlines():
        if line.startswith("| `"):
            name, kind, labels, meaning, _ = (cell.strip() for cell in line.split("|")[1:-1])
            told[name.strip("`")] = Told(kind, frozenset(_LABEL.findall(labels)), meaning)
    return told


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scraped(grpc_server: RunningServer, grpc_channel: grpc.aio.Channel) -> dict[str, Metric]:
    """After a batch of a few calls has run to its end."""
    agent = await call(grpc_channel, "CreateAgent", KEY, agent=Agent(display_name="Ada"))
    made = await call(
        grpc_channel,
        "CreateBatch",
        KEY,
        batch=Batch(agent_id=agent.agent.agent_id, display_name="measured"),
        scheduled_calls=[ScheduledCall(address=f"+1555123000{n}") for n in range(5)],
    )
    watch = WatchBatchRequest(batch_id=made.batch.batch_id)
    async for _ in BatchServiceStub(grpc_channel).WatchBatch(watch, metadata=KEY):
        pass
    return await scrape(grpc_server)


async def scrape(server: RunningServer) -> dict[str, Metric]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{server.http_port}/metrics")
    assert answer.status_code == 200
    return {_full_name(m): m for m in text_string_to_metric_families(answer.text)}


def _full_name(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


def _labels(metric: Metric) -> frozenset[str]:
    return frozenset(label for s in metric.samples for label in s.labels if label != "le")


async def test_the_page_lists_what_is_there_and_nothing_else(scraped: dict[str, Metric]) -> None:
    assert sorted(documented()) == sorted(scraped)


async def test_types_labels_and_meanings_are_those_of_the_page(
    scraped: dict[str, Metric],
) -> None:
    pages = documented()
    told = {
        name: Told(metric.type, _labels(metric), metric.documentation)
        for name, metric in scraped.items()
        if name not in NEVER_HERE
    }
    assert told == {name: line for name, line in pages.items() if name not in NEVER_HERE}


async def test_a_life_of_calls_is_counted(scraped: dict[str, Metric]) -> None:
    def figure(name: str, **labels: str) -> float:
        samples = [s for m in scraped.values() for s in m.samples if s.name == name]
        return sum(s.value for s in samples if labels.items() <= s.labels.items())

    assert figure("outdial_dials_total", ending="accepted") == 5
    assert figure("outdial_calls_ended_total") == 5
    assert figure("outdial_events_appended_total", type="call_ended") == 5
    assert figure("outdial_wake_to_dial_seconds_count") == 5
    assert figure("outdial_claim_to_dial_seconds_count") == 5
    assert figure("outdial_dial_answer_seconds_count", ending="accepted") == 5
    assert figure("outdial_group_items_sum", verb="mark_sending") == 5
    assert figure("outdial_staged_rows_total") == 5
    assert figure("outdial_slots_used", scope="account") == 0
    assert figure("outdial_slots_cap", scope="account") > 0
    assert figure("outdial_database_up") == 1


_UNITS = ("_seconds", "_bytes", "_items", "_events")
_COUNTS = re.compile(
    r"outdial_(slots_(used|cap)|slot_scopes_full|account_slots_(used|cap)|open_batches|"
    r"scheduled_calls|unknown_calls|callbacks_pending|ledger_faults|database_up|build_info|"
    r"dialling_obstacles|"
    r"grpc_open_requests|watchers|board_watchers|watched_batches|webhooks_failing|webhook_turns_pending)"
)
"""Gauges that count things, which their names say."""
_NO_BASE_UNIT = re.compile(r"(milli|micro|nano)seconds|_(ms|us|ns|kb|mb|kib|mib|minutes|percent)\b")


async def test_names_keep_prometheus_rules(scraped: dict[str, Metric]) -> None:
    for name, metric in scraped.items():
        if not name.startswith("outdial_"):
            continue
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert not _NO_BASE_UNIT.search(name), name
        assert metric.documentation.endswith("."), name
        assert (metric.type == "counter") == name.endswith("_total"), name
        assert not name.endswith(("_count", "_sum", "_bucket")), name
        if metric.type == "histogram":
            assert name.endswith(_UNITS), name
        elif metric.type == "gauge":
            assert name.endswith(_UNITS) or _COUNTS.fullmatch(name), name
        assert not _labels(metric) & {"le", "quantile", "job", "instance"}, name


def _names_in(expression: str) -> Iterator[str]:
    plain = re.sub(r"\{[^}]*\}", "", expression)
    return iter(re.findall(r"\b(?:outdial|process)_\w+", plain))


def _expressions() -> dict[str, list[str]]:
    board = json.loads((ROOT / "examples/grafana/outdial.json").read_text())
    of_board = [t["expr"] for panel in board["panels"] for t in panel.get("targets", ())]
    alerts = (ROOT / "examples/prometheus/alerts.yml").read_text()
    of_alerts = re.findall(r"expr: (?:>-\n)?(.*?)\n\s+(?:for|labels):", alerts, re.DOTALL)
    assert len(of_alerts) == alerts.count("- alert:")
    return {"dashboard": of_board, "alerts": of_alerts}


@pytest.mark.parametrize("where", ["dashboard", "alerts"])
async def test_examples_name_only_series_that_there_are(
    scraped: dict[str, Metric], where: str
) -> None:
    series: dict[str, str] = {}
    for name, metric in scraped.items():
        ends = ("_bucket", "_count", "_sum") if metric.type == "histogram" else ("",)
        series |= {name + end: name for end in ends}
    pages = documented()
    expressions = _expressions()[where]
    assert expressions
    for expression in expressions:
        names = list(_names_in(expression))
        assert names, expression
        assert [name for name in names if name not in series] == []
        for name, inside in re.findall(r"\b((?:outdial|process)_\w+)\{([^}]*)\}", expression):
            used = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside))
            assert used <= pages[series[name]].labels, expression


async def test_the_dashboard_is_whole() -> None:
    board = json.loads((ROOT / "examples/grafana/outdial.json").read_text())
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    cells = [
        (place["x"] + x, place["y"] + y)
        for place in places
        for x in range(place["w"])
        for y in range(place["h"])
    ]
    assert len(set(cells)) == len(cells), "no panel lies over another"
    (variable,) = board["templating"]["list"]
    assert variable["type"] == "datasource"
