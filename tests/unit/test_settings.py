"""Settings from the environment; a fault names its variable."""

import pytest

from outdial_server.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def nothing_else_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", {})


def test_by_default_it_listens_on_loopback() -> None:
    settings = load_settings()
    assert settings.grpc_listen == "127.0.0.1:50051"
    assert settings.http_listen == "127.0.0.1:8080"
    assert settings.database_url == "sqlite:///outdial.db"
    assert settings.callback_base_url == "http://127.0.0.1:8080/callbacks"


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTDIAL_SIMULATE", "1")
    monkeypatch.setenv("OUTDIAL_PUBLIC_URL", "https://dial.example.com/")
    monkeypatch.setenv("OUTDIAL_UNKNOWN_SETTLE_SECONDS", "3")
    settings = load_settings()
    assert settings.simulate
    assert settings.callback_base_url == "https://dial.example.com/callbacks"
    assert settings.unknown_settle.total_seconds() == 3


def test_an_option_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTDIAL_SIMULATE", "0")
    assert load_settings(simulate=True).simulate


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OUTDIAL_GRPC_LISTEN", "50051"),
        ("OUTDIAL_HTTP_LISTEN", "localhost:http"),
        ("OUTDIAL_HTTP_LISTEN", "localhost:65536"),
        ("OUTDIAL_PUBLIC_URL", "dial.example.com"),
        ("OUTDIAL_LOG_FORMAT", "xml"),
        ("OUTDIAL_DRAIN_SECONDS", "-1"),
    ],
)
def test_a_fault_names_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=rf"^{name}: "):
        load_settings()


def test_a_carrier_of_its_own_needs_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTDIAL_SIMULATED_CARRIER_URL", "http://127.0.0.1:9090")
    with pytest.raises(SettingsError, match=r"^OUTDIAL_SIMULATED_CARRIER_SECRET: "):
        load_settings()


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTDIAL_BOOTSTRAP_API_KEY", "abc.xyzzy")
    assert "xyzzy" not in repr(load_settings())
