"""What a command works with: from the command line, the environment, the file, or defaults."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from outdial_client._channel import TlsConfig
from outdial_client._client import DEFAULT_ADDRESS, DEFAULT_TIMEOUT
from outdial_client.cli._config_file import (
    DEFAULT_PROFILE,
    ConfigFile,
    Profile,
    Value,
    default_path,
)
from outdial_client.cli._exit_code import CommandFailure

_DEFAULTS: Profile = {
    "address": DEFAULT_ADDRESS,
    "api_key": "",
    "tls": False,
    "ca_cert": "",
    "client_cert": "",
    "client_key": "",
    "timeout_seconds": round(DEFAULT_TIMEOUT.total_seconds()),
    "output": "table",
}
_SHOWN_OF_A_KEY = 4


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and who said it."""

    value: Value
    source: str
    """As a person would look for it: `--address`, `OUTDIAL_ADDRESS`, a file or `default`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the global options and their variables said; what they did not is left out."""

    settings: Mapping[str, Setting]
    config: Path | None = None
    profile: str = ""
    is_quiet: bool = False
    has_color: bool = True
    repeated: tuple[str, ...] = ()
    """Options that a command line must repeat to reach the same server."""

    @property
    def config_path(self) -> Path:
        """Where the config file is, or would be."""
        return self.config or default_path(os.environ)

    def read_config(self) -> ConfigFile:
        """The config file; CommandFailure when one was named and is not there."""
        if self.config and not self.config.exists():
            raise CommandFailure(
                f"there is no config file {self.config}",
                hint=f"Make one with: outdial --config {self.config} config set address HOST:PORT",
            )
        return ConfigFile.read(self.config_path)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, resolved: option before environment before file before default."""

    by_name: Mapping[str, Setting]
    profile: str
    config: ConfigFile

    @classmethod
    def resolve(cls, given: Given) -> "Settings":
        """CommandFailure for a config file or a profile that is wrong."""
        config = given.read_config()
        name = given.profile or config.named_profile or DEFAULT_PROFILE
        in_file = {
            key: Setting(value, f"{config.path} [profiles.{name}]")
            for key, value in config.profile(name).items()
        }
        defaults = {key: Setting(value, "default") for key, value in _DEFAULTS.items()}
        return cls({**defaults, **in_file, **given.settings}, name, config)

    @property
    def address(self) -> str:
        """Host and port."""
        return self._text("address")

    @property
    def api_key(self) -> str:
        """Empty when there is none."""
        return self._text("api_key")

    @property
    def timeout(self) -> timedelta:
        """For each request."""
        return timedelta(seconds=int(self.by_name["timeout_seconds"].value))

    @property
    def is_json(self) -> bool:
        """Whether answers are for machines."""
        return self._text("output") == "json"

    def source(self, name: str) -> str:
        """Who said it."""
        return self.by_name[name].source

    def encryption(self) -> bool | TlsConfig:
        """For the connection; CommandFailure for a certificate that cannot be read."""
        files = {name: self._read(name) for name in ("ca_cert", "client_cert", "client_key")}
        if not any(files.values()):
            return bool(self.by_name["tls"].value)
        return TlsConfig(
            root_certificates=files["ca_cert"],
            client_certificate=files["client_cert"],
            client_private_key=files["client_key"],
        )

    def shown(self) -> Mapping[str, Setting]:
        """The settings with the key masked."""
        key = self.by_name["api_key"]
        return {**self.by_name, "api_key": Setting(mask(self.api_key), key.source)}

    def _text(self, name: str) -> str:
        return str(self.by_name[name].value)

    def _read(self, name: str) -> bytes | None:
        setting = self.by_name[name]
        if not setting.value:
            return None
        path = Path(str(setting.value)).expanduser()
        try:
            return path.read_bytes()
        except OSError as error:
            fault = f"{path} cannot be read: {error.strerror}"
            raise CommandFailure(f"{name} (from {setting.source}): {fault}") from None


def mask(api_key: str) -> str:
    """Enough of a key to recognise it by; of a short one nothing."""
    shown = api_key[:_SHOWN_OF_A_KEY] if len(api_key) >= 4 * _SHOWN_OF_A_KEY else ""
    return f"{shown}..." if api_key else ""
