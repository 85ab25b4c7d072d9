"""How to test a program that uses Outdial: against a real server that calls nobody.

    pip install outdial pytest
    pytest test_reminders.py

The function `remind` below stands for your program. The last four digits of a number say what
becomes of the call: 0100 a person answers, 0102 is busy, 0103 nobody answers.
"""

from collections.abc import Iterator

import pytest

from outdial_client import Disposition, NewBatch, NewCall
from outdial_client.sync import Client
from outdial_client.testing import SyncServer, running_server


def remind(client: Client, people: dict[str, str]) -> set[str]:
    """Calls people by name and number, and gives the names of those who were reached."""
    agent = client.agents.find("Reminder") or client.agents.create("Reminder")
    created = client.batches.create(
        NewBatch(agent_id=agent.agent_id, display_name="Appointments"),
        [
            NewCall(address=number, custom_id=name, template_context={"name": name})
            for name, number in people.items()
        ],
    )
    batch = client.batches.wait_until_ended(created.batch.batch_id)
    return {
        result.scheduled_call.custom_id
        for result in client.scheduled_calls.export(batch.batch_id)
        if result.call.disposition == Disposition.DISPOSITION_ANSWERED_HUMAN
    }


# One server for all tests of the file: it starts in about a second.
@pytest.fixture(scope="module")
def server() -> Iterator[SyncServer]:
    with running_server() as server:
        yield server


@pytest.fixture
def client(server: SyncServer) -> Iterator[Client]:
    with server.client() as client:
        yield client


def test_people_who_answer_are_reached(client: Client) -> None:
    assert remind(client, {"Ada": "+12025550100", "Bob": "+13125550100"}) == {"Ada", "Bob"}


def test_people_who_do_not_are_not(client: Client) -> None:
    people = {"Ada": "+12025550100", "Bob": "+12025550102", "Cyd": "+12025550103"}
    assert remind(client, people) == {"Ada"}
