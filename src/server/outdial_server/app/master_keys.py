"""The master keys of an installation, as its settings name them."""

from typing import Final

from outdial_server.adapters.master_key import (
    MasterKey,
    master_key_from,
    master_key_in,
    old_master_keys,
)
from outdial_server.gateway import CallbackTokens
from outdial_server.settings import Settings, SettingsError
from outdial_server.storage import master_key_path

_CALLBACK_PURPOSE: Final = "callback URLs"


def master_key(settings: Settings) -> MasterKey:
    """Raises SettingsError."""
    given = settings.master_key.get_secret_value()
    if given:
        return master_key_from(given)
    path = master_key_path(settings.database_url)
    try:
        return master_key_in(path)
    except OSError as error:
        words = f"cannot be read or made: {error.strerror}"
        raise SettingsError(f"OUTDIAL_MASTER_KEY: is not set, and {path} {words}") from error
    except ValueError as error:
        raise SettingsError(f"OUTDIAL_MASTER_KEY: is not set, and {path} {error}") from error


def old_keys(settings: Settings) -> tuple[MasterKey, ...]:
    """Raises SettingsError."""
    try:
        return old_master_keys(settings.old_master_keys.get_secret_value())
    except OSError as error:
        words = f"{error.filename} cannot be read: {error.strerror}"
        raise SettingsError(f"OUTDIAL_OLD_MASTER_KEYS: {words}") from error
    except ValueError as error:
        raise SettingsError(f"OUTDIAL_OLD_MASTER_KEYS: {error}") from error


def callback_tokens(key: MasterKey, old: tuple[MasterKey, ...]) -> CallbackTokens:
    """Calls that were made under an old key have its tokens in their URLs."""
    return CallbackTokens(
        key.derive(_CALLBACK_PURPOSE),
        lambda config_id: key.derive(f"{_CALLBACK_PURPOSE} of {config_id}"),
        tuple(callback_tokens(one, ()) for one in old),
    )
