"""docs/parity.md against the contract, the tests, and the names that the three APIs document."""

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "parity.md"
NOT_YET: Final = "*not yet*"

DOCUMENTED: Final = {
    "Ultravox: scheduled batches": (
        # Of a batch, and of throttles.
        "batchId created windowStart windowEnd throttle webhookUrl webhookSecret paused "
        "totalCount completedCount endedAt calls throttleId name rules maxCalls windowSeconds "
        # Of a scheduled call.
        "status callId error medium metadata templateContext experimentalSettings "
        "FUTURE PENDING SUCCESS ERROR EXPIRED scheduled_calls created_calls cursor pageSize "
        # Of a webhook.
        "webhookId agentId url secrets events lastStatusChange recentFailures normal unhealthy "
        "started joined ended billed X-Ultravox-Webhook-Timestamp X-Ultravox-Webhook-Signature"
    ),
    "Truedy: batch calls": (
        "id name agent_id phone_number_ids phone_rotation_strategy random sequential round_robin "
        "contact_source csv folder manual contact_folder_id contact_ids contacts schedule_type "
        "immediate scheduled scheduled_at timezone start_time end_time working_days "
        "max_concurrent_calls concurrency max_calls_per_day retry_failed max_retry_attempts "
        "retry_attempts from_number status total_contacts called completed failed pending "
        "created_at updated_at draft active paused cancelled running schedule pause resume "
        # Contacts of a batch, contacts and folders, numbers.
        "contact_id phone_number first_name last_name email custom_fields call_status call_id "
        "called_at attempts last_error calling added_count failed_count sort_by contact_count "
        "description folder_id search last_call_outcome company_name industry location pin_code "
        "keywords call_count last_called_at overwrite_existing "
        # Webhooks.
        "url event_types secret enabled max_attempts started joined ended billed analyzed changed "
        "delivered failed_permanently X-Truedy-Timestamp X-Truedy-Signature"
    ),
    "Speechify: batch calls": (
        "id agent_id phone_number_id name status total completed failed error created_at "
        "updated_at started_at finished_at ended_at scheduled_at ringing_timeout_ms batch_id phone "
        "dynamic_vars dynamic_variables custom_id conversation_id attempted_at completed_at "
        "pending scheduled running cancelled dialing cancel Idempotency-Key "
        # Webhooks.
        "webhook_url webhook_secret conversation messages evaluations batch_call enabled_events "
        "description disabled last_status_code last_response_body Speechify-Signature"
    ),
}

_CONTRACT_WORD: Final = re.compile(r"[A-Z][A-Za-z]+(?:\.[A-Za-z_]+)?")
_VALUE: Final = re.compile(r"[A-Z][A-Z_]+")


@dataclass(frozen=True, slots=True)
class Row:
    part: str
    documented: str
    here: str
    shown_by: str


def rows() -> Iterator[Row]:
    part = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            part = line.removeprefix("## ")
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("|") and len(cells) == 3 and cells[0] not in ("documented", "---"):
            yield Row(part, *cells)


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def functions_of_the_tests() -> frozenset[str]:
    trees = (ast.parse(path.read_text()) for path in (ROOT / "tests").rglob("test_*.py"))
    return frozenset(
        node.name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def contract_words() -> frozenset[str]:
    """`Message`, `Message.field`, `Service`, `Service.Method`, and values of enums."""
    found: set[str] = set()
    for path in (ROOT / "generated" / "outdial" / "v1").glob("*_pb2.py"):
        file = importlib.import_module(f"outdial.v1.{path.stem}").DESCRIPTOR
        for message in file.message_types_by_name.values():
            found.add(message.name)
            found.update(f"{message.name}.{field.name}" for field in message.fields)
        for service in file.services_by_name.values():
            found.add(service.name)
            found.update(f"{service.name}.{method.name}" for method in service.methods)
        for enum in file.enum_types_by_name.values():
            found.update(value.name.removeprefix("ERROR_REASON_") for value in enum.values)
    return frozenset(found)


ROWS: Final = tuple(rows())


@pytest.mark.parametrize("part", DOCUMENTED)
def test_each_documented_name_has_a_row(part: str) -> None:
    named = {
        plain
        for row in ROWS
        if row.part == part
        for word in words(row.documented)
        for plain in re.split(r"[^A-Za-z_-]+", word)
    }
    assert sorted(set(DOCUMENTED[part].split()) - named) == []


def test_what_is_named_here_is_in_the_contract() -> None:
    known = contract_words()
    named = {
        word
        for row in ROWS
        for word in words(row.here)
        if _CONTRACT_WORD.fullmatch(word) or _VALUE.fullmatch(word)
    }
    assert len(named) > 50
    assert sorted(named - known) == []


def test_each_row_says_what_is_here_and_names_tests_that_exist() -> None:
    known = functions_of_the_tests()
    for row in ROWS:
        assert row.here, row
        if row.shown_by != NOT_YET:
            assert words(row.shown_by), row
            assert [name for name in words(row.shown_by) if name not in known] == [], row


def test_what_is_not_there_yet_is_listed_at_the_end() -> None:
    behind = PAGE.read_text().partition("## Not there yet")[2]
    for row in ROWS:
        assert (row.here == NOT_YET) == (row.shown_by == NOT_YET), row
        if row.here == NOT_YET:
            assert words(row.documented)[0] in words(behind), row
