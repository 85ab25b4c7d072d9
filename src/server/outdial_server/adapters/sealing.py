"""Secrets encrypted at rest: AES-256 in GCM, under a key derived from the master key."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64Error
from collections.abc import Iterable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from outdial_server.adapters.master_key import MasterKey
from outdial_server.ports.sealing import UnreadableSecretError

_FORM: Final = "1"
_NONCE_BYTES: Final = 12
_KEY_ID_CHARS: Final = 8


class AesGcmSeal:
    """A Seal. The sealed text is `form.key id.nonce and ciphertext`: the id tells a wrong master
    key from a text that was changed, and which rows still need the old one when keys change."""

    def __init__(self, master_key: MasterKey, old: Iterable[MasterKey] = ()) -> None:
        """With `old` ones, what was sealed with them is read as well."""
        self._key_id = _id_of(master_key)
        self._ciphers = {_id_of(key): _cipher_of(key) for key in (*old, master_key)}

    @property
    def mark(self) -> str:
        return f"{_FORM}.{self._key_id}."

    def seal(self, text: str, owner: str) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        encrypted = self._ciphers[self._key_id].encrypt(nonce, text.encode(), owner.encode())
        return f"{self.mark}{urlsafe_b64encode(nonce + encrypted).decode()}"

    def unseal(self, sealed: str, owner: str) -> str:
        form, _, rest = sealed.partition(".")
        key_id, _, encoded = rest.partition(".")
        if form != _FORM:
            raise UnreadableSecretError("the secret is of a form that this version does not know")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise UnreadableSecretError(
                f"the secret was sealed with the master key {key_id}, and this server has "
                f"{self._key_id}"
            )
        try:
            raw = urlsafe_b64decode(encoded)
            opened = cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], owner.encode())
        except (InvalidTag, NotBase64Error, ValueError) as error:
            raise UnreadableSecretError("the secret is not what was sealed") from error
        return opened.decode()


def _cipher_of(key: MasterKey) -> AESGCM:
    return AESGCM(key.derive_key("secrets at rest"))


def _id_of(key: MasterKey) -> str:
    return key.derive("id of the key of secrets at rest")[:_KEY_ID_CHARS]
