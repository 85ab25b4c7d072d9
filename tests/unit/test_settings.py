"""Settings from the environment; a fault names its variable."""

from datetime import timedelta

import pytest

from outdial_server.domain.retention import Retention
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
        ("OUTDIAL_SIP_LISTEN", "5060"),
        ("OUTDIAL_SIP_LISTEN", "sip.example.com:5060"),
        ("OUTDIAL_SIP_LISTEN", "0.0.0.0:5060"),
        ("OUTDIAL_SIP_LISTEN", "127.0.0.1:65536"),
        ("OUTDIAL_PUBLIC_URL", "dial.example.com"),
        ("OUTDIAL_OUTGOING_ALLOW", "10.0.0.0/8,localhost"),
        ("OUTDIAL_LOG_FORMAT", "xml"),
        ("OUTDIAL_DRAIN_SECONDS", "-1"),
        ("OUTDIAL_KEEP_EVENTS", "90"),
        ("OUTDIAL_KEEP_PAYLOADS", "30s"),
        ("OUTDIAL_KEEP_BATCHES", "0d"),
        ("OUTDIAL_KEEP_CALLS", "forever"),
        ("OUTDIAL_KEEP_DELETED", ""),
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


def test_by_default_events_are_kept_for_long_and_outcomes_for_ever() -> None:
    assert load_settings().retention == Retention(
        events=timedelta(days=90),
        deleted=timedelta(days=7),
        imports=timedelta(days=30),
        deliveries=timedelta(days=7),
    )


def test_events_and_payloads_follow_their_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTDIAL_KEEP_BATCHES", "12h")
    half_a_day = timedelta(hours=12)
    kept = load_settings().retention
    assert (kept.events, kept.payloads, kept.batches) == (half_a_day,) * 3
    assert kept.calls is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"EVENTS": "31d", "BATCHES": "30d"}, "EVENTS: 31d is longer than OUTDIAL_KEEP_BATCHES"),
        ({"PAYLOADS": "never", "BATCHES": "4w"}, "PAYLOADS: never is longer than OUTDIAL_KEEP_BA"),
        ({"BATCHES": "25h", "CALLS": "1d"}, "BATCHES: 25h is longer than OUTDIAL_KEEP_CALLS, 1d"),
        ({"CALLS": "1d"}, "BATCHES: never is longer than OUTDIAL_KEEP_CALLS, 1d"),
    ],
)
def test_times_that_contradict_each_other_are_named(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], message: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"OUTDIAL_KEEP_{name}", value)
    with pytest.raises(SettingsError, match=f"^OUTDIAL_KEEP_{message}"):
        load_settings()


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTDIAL_BOOTSTRAP_API_KEY", "abc.xyzzy")
    assert "xyzzy" not in repr(load_settings())
