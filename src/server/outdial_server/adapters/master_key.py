"""The master key: what other secrets of an installation are derived from."""

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path
from typing import Final

KEY_BYTES: Final = 32
# 172 bits, in hex digits: plain in URLs.
_TOKEN_CHARS: Final = 43
_HEX_KEY: Final = re.compile(rf"[0-9a-fA-F]{{{2 * KEY_BYTES}}}")


class MasterKey:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def derive(self, purpose: str) -> str:
        """A secret for one purpose: the same at every start, and useless for any other."""
        return self.derive_key(purpose).hex()[:_TOKEN_CHARS]

    def derive_key(self, purpose: str) -> bytes:
        """The same as 32 bytes, for a cipher."""
        return hmac.new(self._key, purpose.encode(), hashlib.sha256).digest()


def master_key_from(text: str) -> MasterKey:
    """From a setting; any text will do, the longer the better."""
    return MasterKey(hashlib.sha256(text.encode()).digest())


def master_key_in(path: Path) -> MasterKey:
    """From a file that is made, for its owner alone, when it is not there yet. Raises
    OSError when it can be neither read nor made, ValueError for one that holds no key."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(path)
    with os.fdopen(file, "w") as made:
        made.write(secrets.token_hex(KEY_BYTES))
        made.flush()
        os.fsync(made.fileno())
    return _read(path)


_FILE: Final = "file:"


def old_master_keys(text: str) -> tuple[MasterKey, ...]:
    """From a setting: one a line, as it was set, or `file:PATH` for one that was in a file.
    Raises OSError for a file that cannot be read, ValueError for one that holds no key."""
    lines = [line.strip() for line in text.splitlines()]
    return tuple(_old(line) for line in lines if line)


def _old(line: str) -> MasterKey:
    if not line.startswith(_FILE):
        return master_key_from(line)
    path = Path(line.removeprefix(_FILE))
    try:
        return _read(path)
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error


def _read(path: Path) -> MasterKey:
    text = path.read_text(errors="replace").strip()
    if not _HEX_KEY.fullmatch(text):
        raise ValueError(
            f"holds no key of {KEY_BYTES} bytes in hex digits; bring it back from a backup"
        )
    return MasterKey(bytes.fromhex(text))
