"""Where a command takes its server and key from, and `outdial config`."""

import json
import stat
from pathlib import Path

import pytest
from grpc import StatusCode
from outdial.v1.batch_pb2 import Batch, BatchState
from outdial.v1.batch_service_pb2 import GetBatchResponse
from outdial.v1.server_info_service_pb2 import GetServerInfoResponse

from client.command_line import Outdial
from client.far_end import FarEnd, Refusal

ELSEWHERE = "127.0.0.1:1"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "outdial" / "config.toml"


@pytest.fixture
def outdial(tmp_path: Path) -> Outdial:
    return Outdial({"XDG_CONFIG_HOME": str(tmp_path)})


def write(config: Path, text: str) -> None:
    config.parent.mkdir()
    config.write_text(text)
    config.chmod(0o600)


def read(config: Path) -> str:
    return config.read_text()


def mode(config: Path) -> int:
    return stat.S_IMODE(config.stat().st_mode)


def open_to_others(config: Path) -> None:
    config.chmod(0o644)


def sent_key(far_end: FarEnd) -> str:
    return str(far_end.received["GetServerInfo"][-1].metadata.get("x-api-key", ""))


@pytest.fixture
def answering(far_end: FarEnd) -> FarEnd:
    far_end.answer("GetServerInfo", GetServerInfoResponse(version="1.2.3"))
    return far_end


async def test_a_profile_of_the_file_names_server_and_key(
    answering: FarEnd, outdial: Outdial, config: Path
) -> None:
    write(
        config,
        f'[profiles.default]\naddress = "{ELSEWHERE}"\n'
        f'[profiles.work]\naddress = "{answering.address}"\napi_key = "key-of-work"\n',
    )
    by_option = await outdial("server", "info", "--profile", "work")
    assert by_option.exit_code == 0, by_option.output
    by_variable = await outdial("server", "info", OUTDIAL_PROFILE="work")
    assert by_variable.exit_code == 0, by_variable.output
    assert sent_key(answering) == "key-of-work"


async def test_option_before_environment_before_file(
    answering: FarEnd, outdial: Outdial, config: Path
) -> None:
    write(config, f'[profiles.default]\naddress = "{answering.address}"\napi_key = "file"\n')
    await outdial("server", "info")
    assert sent_key(answering) == "file"
    await outdial("server", "info", OUTDIAL_API_KEY="variable")
    assert sent_key(answering) == "variable"
    await outdial("server", "info", "--api-key", "option", OUTDIAL_API_KEY="variable")
    assert sent_key(answering) == "option"


async def test_show_says_who_said_what_and_masks_the_key(outdial: Outdial, config: Path) -> None:
    write(config, '[profiles.default]\napi_key = "abcdefghijklmnopqrstuvwx"\ntls = true\n')
    shown = await outdial("config", "show", "--json", "--address", "a:1", OUTDIAL_CA_CERT="ca.pem")
    settings = json.loads(shown.stdout)["settings"]
    file = f"{config} [profiles.default]"
    assert settings["address"] == {"value": "a:1", "source": "--address"}
    assert settings["ca_cert"] == {"value": "ca.pem", "source": "OUTDIAL_CA_CERT"}
    assert settings["tls"] == {"value": True, "source": file}
    assert settings["api_key"] == {"value": "abcd...", "source": file}
    assert settings["timeout_seconds"] == {"value": 30, "source": "default"}
    as_table = await outdial("config", "show")
    assert "abcd..." in as_table.stdout
    assert "efgh" not in as_table.stdout


async def test_settings_are_kept_and_taken_out(outdial: Outdial, config: Path) -> None:
    assert (await outdial("config", "set", "address", "a:1")).exit_code == 0
    assert (await outdial("config", "set", "tls", "true", "--profile", "work")).exit_code == 0
    assert (await outdial("config", "set", "api_key", "-", stdin=b"secret\n")).exit_code == 0
    assert (await outdial("config", "use", "work")).exit_code == 0
    assert (await outdial("config", "unset", "address", "--profile", "default")).exit_code == 0
    assert read(config) == (
        'profile = "work"\n[profiles.default]\napi_key = "secret"\n\n[profiles.work]\ntls = true\n'
    )
    assert mode(config) == 0o600


async def test_a_bad_file_is_named_with_its_line_and_can_still_be_found(
    outdial: Outdial, config: Path
) -> None:
    write(config, '[profiles.default]\nadress = "a:1"\n')
    result = await outdial("server", "info")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {config}, line 2: profiles.default.adress is no")
    assert (await outdial("config", "path")).stdout == f"{config}\n"


async def test_a_named_file_must_be_there(outdial: Outdial, tmp_path: Path) -> None:
    named = str(tmp_path / "mine.toml")
    missing = await outdial("config", "show", OUTDIAL_CONFIG=named)
    assert missing.exit_code == 2
    assert f"there is no config file {named}" in missing.stderr
    assert (await outdial("config", "set", "address", "a:1", "--config", named)).exit_code == 0
    assert (await outdial("config", "show", OUTDIAL_CONFIG=named)).exit_code == 0


async def test_a_key_that_others_can_read_is_warned_of(
    answering: FarEnd, outdial: Outdial, config: Path
) -> None:
    write(config, f'[profiles.default]\naddress = "{answering.address}"\napi_key = "k"\n')
    assert (await outdial("server", "info")).stderr == ""
    open_to_others(config)
    assert f"chmod 600 {config}" in (await outdial("server", "info")).stderr


async def test_a_hint_says_again_what_was_typed_and_nothing_else(
    far_end: FarEnd, outdial: Outdial, config: Path
) -> None:
    write(config, f'[profiles.default]\naddress = "{far_end.address}"\napi_key = "file"\n')
    far_end.answer("GetBatch", Refusal(code=StatusCode.NOT_FOUND, reason="BATCH_NOT_FOUND"))
    show = ("batch", "show", "b-1")
    from_file = await outdial(*show)
    assert "See what there is: outdial batch list\n" in from_file.stderr
    from_environment = await outdial(*show, OUTDIAL_ADDRESS=far_end.address)
    assert "See what there is: outdial batch list\n" in from_environment.stderr
    typed = await outdial(*show, "--address", far_end.address, "--api-key", "secret")
    assert f"outdial --address {far_end.address} batch list\n" in typed.stderr
    assert "secret" not in typed.output


async def test_a_server_that_is_away_is_named_with_who_named_it(
    far_end: FarEnd, outdial: Outdial, config: Path
) -> None:
    await far_end.stop()
    write(config, f'[profiles.default]\naddress = "{far_end.address}"\n')
    result = await outdial("batch", "start", "b-1")
    assert result.exit_code == 8
    assert f"The address comes from {config} [profiles.default]." in result.stderr
    assert "--address" not in result.stderr


async def test_a_certificate_that_cannot_be_read_is_named(outdial: Outdial) -> None:
    result = await outdial("server", "info", "--ca-cert", "/nowhere.pem")
    assert result.exit_code == 2
    assert "ca_cert (from --ca-cert): /nowhere.pem cannot be read" in result.stderr


async def test_the_form_of_answers_can_be_kept(
    far_end: FarEnd, outdial: Outdial, config: Path
) -> None:
    write(config, f'[profiles.default]\naddress = "{far_end.address}"\noutput = "json"\n')
    batch = Batch(batch_id="b-1", state=BatchState.BATCH_STATE_RUNNING)
    far_end.answer("GetBatch", GetBatchResponse(batch=batch))
    assert json.loads((await outdial("batch", "show", "b-1")).stdout)["batch_id"] == "b-1"
    assert "RUNNING" in (await outdial("batch", "show", "b-1", "--table")).stdout
    by_variable = await outdial("batch", "show", "b-1", OUTDIAL_OUTPUT="table")
    assert by_variable.stdout.startswith("id ")
    wrong = await outdial("batch", "show", "b-1", OUTDIAL_OUTPUT="xml")
    assert (wrong.exit_code, "OUTDIAL_OUTPUT" in wrong.stderr) == (2, True)
