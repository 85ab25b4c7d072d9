"""`outdial-server rotate-master-key`: what it says, and how it ends."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.adapters.master_key import master_key_in
from outdial_server.adapters.sealing import AesGcmSeal
from outdial_server.cli.main import app
from outdial_server.domain.carrier_config import CarrierConfigFields, CarrierRates
from outdial_server.domain.credentials import SealedCredentials
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.storage import open_store
from support.clock import ManualClock, ManualSignals
from support.stores import settled


@pytest.fixture
def old_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the key is kept that a secret of the database is sealed with."""
    url = f"sqlite:///{tmp_path / 'outdial.db'}"
    monkeypatch.setenv("OUTDIAL_DATABASE_URL", url)
    monkeypatch.setenv("OUTDIAL_MASTER_KEY", "the key of now")
    path = tmp_path / "outdial.db.key"
    asyncio.run(_keep_a_secret(url, AesGcmSeal(master_key_in(path))))
    return path


async def _keep_a_secret(url: str, seal: AesGcmSeal) -> None:
    clock = ManualClock()
    ids = UuidV7Ids(clock)
    store = await open_store(url, clock, ids, ManualSignals(clock))
    try:
        world = await settled(store, clock, ids)
        config_id = CarrierConfigId(ids.new_id())
        credentials = SealedCredentials({}, seal.seal("open sesame", config_id))
        fields = CarrierConfigFields("main", credentials=credentials)
        await store.carrier_configs.create_carrier_config(
            world.account_id, config_id, "twilio", fields, CarrierRates({})
        )
    finally:
        await store.close()


def rotate() -> Result:
    return CliRunner().invoke(app, ["rotate-master-key"])


def test_a_key_that_was_in_a_file_is_named_by_it(
    old_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = rotate()
    assert without.exit_code == 1
    assert "no key opens: credentials of carrier configs 1" in without.output
    monkeypatch.setenv("OUTDIAL_OLD_MASTER_KEYS", f"another one\nfile:{old_key}")
    done = rotate()
    assert (done.exit_code, done.output) == (
        0,
        "sealed anew: credentials of carrier configs 1\n",
    )
    monkeypatch.delenv("OUTDIAL_OLD_MASTER_KEYS")
    assert (rotate().exit_code, rotate().output) == (0, "sealed anew: nothing was left\n")


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read: No such file"), ("no key", "holds no key of 32")]
)
def test_a_file_without_a_key_is_told_before_anything_is_changed(
    old_key: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, said: str
) -> None:
    other = old_key.with_name("other.key")
    if content is not None:
        other.write_text(content)
    monkeypatch.setenv("OUTDIAL_OLD_MASTER_KEYS", f"file:{other}")
    refused = rotate()
    assert refused.exit_code == 1
    assert f"OUTDIAL_OLD_MASTER_KEYS: {other} " in refused.output
    assert said in refused.output
