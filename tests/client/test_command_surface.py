"""Whatever the SDK can do has a command."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from outdial_client import Client
from outdial_client._accounts import Accounts
from outdial_client._agents import Agents
from outdial_client._batches import Batches
from outdial_client._calls import Calls
from outdial_client._carrier_configs import CarrierConfigs
from outdial_client._contacts import ContactFolders, Contacts
from outdial_client._external_calls import ExternalCalls
from outdial_client._phone_numbers import PhoneNumbers
from outdial_client._scheduled_calls import ScheduledCalls
from outdial_client._suppressions import Suppressions
from outdial_client._throttles import Throttles
from outdial_client._webhooks import Webhooks
from outdial_client.cli.main import app

GROUPS = {
    "accounts": Accounts,
    "agents": Agents,
    "batches": Batches,
    "calls": Calls,
    "external_calls": ExternalCalls,
    "contact_folders": ContactFolders,
    "contacts": Contacts,
    "carrier_configs": CarrierConfigs,
    "scheduled_calls": ScheduledCalls,
    "suppressions": Suppressions,
    "throttles": Throttles,
    "webhooks": Webhooks,
    "phone_numbers": PhoneNumbers,
}
COMMANDS = {
    "accounts.create": "account create",
    "accounts.create_api_key": "keys create",
    "accounts.get": "account show",
    "accounts.list": "account list",
    "accounts.list_api_keys": "keys list",
    "accounts.revoke_api_key": "keys revoke",
    "accounts.update": "account update",
    "agents.create": "agent create",
    "agents.delete": "agent delete",
    "agents.find": "agent show",
    "agents.get": "agent show",
    "agents.list": "agent list",
    "agents.update": "agent update",
    "batches.add_calls": "batch add",
    "batches.cancel": "batch cancel",
    "batches.create": "batch create",
    "batches.delete": "batch delete",
    "batches.estimate_window": "batch estimate",
    "batches.explain": "explain",
    "batches.forecast": "forecast",
    "batches.events": "batch events",
    "batches.get": "batch show",
    "batches.get_import": "import show",
    "batches.import_csv": "batch import",
    "batches.import_findings": "import findings",
    "batches.list": "batch list",
    "batches.pause": "batch pause",
    "batches.resume": "batch resume",
    "batches.retry": "batch retry-failed",
    "batches.start": "batch start",
    "batches.update": "batch update",
    "batches.wait_until_ended": "watch",
    "batches.watch": "watch",
    "batches.watch_all": "watch",
    "batches.write_refused_rows": "import report",
    "calls.create": "call start",
    "calls.delete": "call delete",
    "calls.end": "call end",
    "calls.get": "call show",
    "calls.list": "call list",
    "calls.report": "call report",
    "calls.resolve": "call resolve",
    "contact_folders.create": "folder create",
    "contact_folders.delete": "folder delete",
    "contact_folders.get": "folder show",
    "contact_folders.list": "folder list",
    "contact_folders.update": "folder update",
    "contacts.create": "contact create",
    "contacts.delete": "contact delete",
    "contacts.get": "contact show",
    "contacts.import_csv": "contact import",
    "contacts.list": "contact list",
    "contacts.update": "contact update",
    "external_calls.end": "external-call end",
    "external_calls.list": "external-call list",
    "external_calls.report": "external-call report",
    "scheduled_calls.cancel": "scheduled-call cancel",
    "scheduled_calls.export_csv": "batch export",
    "scheduled_calls.export_json_lines": "batch export",
    "scheduled_calls.get": "scheduled-call show",
    "scheduled_calls.list": "scheduled-call list",
    "scheduled_calls.retry": "scheduled-call retry",
    "server_info": "server info",
    "suppressions.create": "suppression add",
    "suppressions.delete": "suppression delete",
    "suppressions.find": "suppression list",
    "suppressions.get": "suppression show",
    "suppressions.list": "suppression list",
    "carrier_configs.check": "carrier-config check",
    "carrier_configs.create": "carrier-config create",
    "carrier_configs.delete": "carrier-config delete",
    "carrier_configs.find": "carrier-config show",
    "carrier_configs.get": "carrier-config show",
    "carrier_configs.list": "carrier-config list",
    "carrier_configs.update": "carrier-config update",
    "throttles.create": "throttle create",
    "throttles.delete": "throttle delete",
    "throttles.find": "throttle show",
    "throttles.get": "throttle show",
    "throttles.list": "throttle list",
    "throttles.update": "throttle update",
    "webhooks.create": "webhook create",
    "webhooks.delete": "webhook delete",
    "webhooks.get": "webhook show",
    "webhooks.list": "webhook list",
    "webhooks.list_deliveries": "webhook deliveries",
    "webhooks.redeliver": "webhook redeliver",
    "webhooks.redeliver_since": "webhook redeliver",
    "webhooks.rotate_secret": "webhook rotate",
    "webhooks.send_test": "webhook test",
    "webhooks.update": "webhook update",
    "phone_numbers.bind": "number bind",
    "phone_numbers.create": "number create",
    "phone_numbers.delete": "number delete",
    "phone_numbers.find": "number show",
    "phone_numbers.get": "number show",
    "phone_numbers.list": "number list",
    "phone_numbers.unbind": "number unbind",
    "phone_numbers.update": "number update",
}
WITHOUT_ONE = {
    "batches.import_rows": "for rows that a program makes; a shell has files and pipes",
    "contacts.import_rows": "the same",
    "scheduled_calls.explain": "explain",
    "scheduled_calls.export": "the stream under the two that write files",
    "close": "a command closes what it opens",
}


def methods() -> Iterator[str]:
    for name in vars(Client):
        if not name.startswith("_"):
            yield name
    for group, kind in GROUPS.items():
        for name, _ in inspect.getmembers(kind, inspect.isfunction):
            if not name.startswith("_"):
                yield f"{group}.{name}"


def leaves(command: object, path: str = "") -> Iterator[str]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path
        return
    for name, child in children.items():
        yield from leaves(child, f"{path} {name}".strip())


LEAVES = sorted(leaves(typer.main.get_command(app)))


def test_the_groups_are_all_there_are() -> None:
    annotated = {name for name in Client.__annotations__ if not name.startswith("_")}
    assert annotated == set(GROUPS)


def test_each_method_has_a_command_or_a_reason() -> None:
    assert sorted(methods()) == sorted([*COMMANDS, *WITHOUT_ONE])
    assert set(COMMANDS.values()) <= set(LEAVES)


def test_each_command_does_what_the_sdk_can_do_or_is_local() -> None:
    local = {"config path", "config set", "config show", "config unset", "config use"}
    # The same as `batch import --batch`.
    doubled = {"batch append"}
    assert set(LEAVES) == {*COMMANDS.values(), *local, *doubled}


@pytest.mark.parametrize("words", LEAVES)
def test_each_command_and_option_says_what_it_is_for(words: str) -> None:
    command = typer.main.get_command(app)
    for word in words.split():
        command = command.commands[word]  # type: ignore[attr-defined]
    assert command.help
    assert [param.name for param in command.params if not getattr(param, "help", None)] == []


def test_each_command_is_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs/command.md").read_text()
    assert [words for words in LEAVES if not is_named(words, page)] == []


def is_named(words: str, page: str) -> bool:
    group, _, verb = words.rpartition(" ")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    return any(group in row and verb in row for row in rows)
