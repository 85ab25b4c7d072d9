"""Commands that work on the database itself."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from outdial_server.cli.main import app


@pytest.fixture(autouse=True)
def own_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OUTDIAL_DATABASE_URL", f"sqlite:///{tmp_path / 'outdial.db'}")
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_keys_are_made_listed_and_revoked() -> None:
    assert run("accounts", "create", "mine").exit_code == 0
    made = run("keys", "create", "reader", "--scope", "read")
    assert made.exit_code == 0, made.output
    key_id, secret = made.output.split()
    listed = run("keys", "list").output
    assert key_id in listed
    assert "works" in listed
    assert secret not in listed
    assert "revoked" in run("keys", "revoke", key_id).output


def test_an_account_gets_more_calls() -> None:
    account_id = run("accounts", "create", "mine", "--max-concurrent-calls=5").output.split()[0]
    assert run("accounts", "update", account_id, "--max-concurrent-calls=500").exit_code == 0
    assert "0/500 calls" in run("accounts", "list").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["keys", "revoke", "nonsense"], "there is no API key"),
        (["keys", "create", "x"], "there is no account yet"),
        (["keys", "create", "x", "--scope", "everything"], "is no scope"),
        (["accounts", "create", ""], "account.display_name: is required"),
        (["simulate-carrier"], "--callback-secret is required"),
    ],
)
def test_a_refusal_is_told_in_words(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code != 0
    assert message.lower() in result.output.lower()
    assert isinstance(result.exception, SystemExit)


def test_migrate_brings_a_new_file_up_to_date() -> None:
    result = run("migrate")
    assert (result.exit_code, result.output) == (0, "the schema is up to date\n")
    assert run("migrate").exit_code == 0
