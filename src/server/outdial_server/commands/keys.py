"""API keys: made, checked, cached for a moment.

A key is `PREFIX.SECRET`, 8 and 32 letters and digits: enough entropy that a plain hash
keeps it. Only the hash is stored.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from outdial_server.domain.account import ApiKey, Principal, Scope
from outdial_server.domain.checks import Checks
from outdial_server.domain.errors import PermissionDeniedError, Reason, UnauthenticatedError
from outdial_server.domain.ids import AccountId, ApiKeyId
from outdial_server.domain.limits import DISPLAY_NAME_MAX_CHARS
from outdial_server.ports.accounts import KeyStore
from outdial_server.ports.clock import Clock
from outdial_server.ports.identity import IdSource

PREFIX_CHARS: Final = 8
SECRET_CHARS: Final = 32

ALL_SCOPES: Final = frozenset(Scope)


def hash_secret(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True, slots=True)
class CreateKey:
    keys: KeyStore
    ids: IdSource
    clock: Clock

    async def execute(
        self,
        account_id: AccountId,
        display_name: str,
        scopes: frozenset[Scope],
        expires_at: datetime | None = None,
        *,
        granted_by: frozenset[Scope] = ALL_SCOPES,
    ) -> tuple[ApiKey, str]:
        """The key and its secret, which is shown this once. Raises InvalidFieldsError,
        PermissionDeniedError (SCOPE_MISSING), NotFoundError (ACCOUNT_NOT_FOUND)."""
        self._check(display_name, scopes, expires_at, granted_by)
        prefix = self.ids.new_secret(PREFIX_CHARS)
        secret = f"{prefix}.{self.ids.new_secret(SECRET_CHARS)}"
        key = ApiKey(
            ApiKeyId(self.ids.new_id()),
            account_id,
            display_name,
            prefix,
            scopes,
            expires_at,
            self.clock.now(),
            None,
        )
        return await self.keys.create_key(key, hash_secret(secret)), secret

    def _check(
        self,
        display_name: str,
        scopes: frozenset[Scope],
        expires_at: datetime | None,
        granted_by: frozenset[Scope],
    ) -> None:
        checks = Checks("api_key.")
        checks.text("display_name", display_name, DISPLAY_NAME_MAX_CHARS)
        if not scopes:
            checks.fault("scopes", "must have at least one entry")
        if expires_at is not None and expires_at <= self.clock.now():
            checks.fault("expire_time", "must be in the future")
        checks.raise_if_any()
        lacking = sorted(scope.name for scope in scopes - granted_by)
        if lacking:
            raise PermissionDeniedError(
                Reason.SCOPE_MISSING,
                f"this key cannot grant {', '.join(lacking)}, which it lacks",
                {"scope": lacking[0]},
            )


_CACHE_ENTRIES: Final = 4096
_CACHE_FOR: Final = timedelta(seconds=5)
"""How long a revoked key may go on working on a server that did not revoke it itself."""


@dataclass(slots=True)
class Authenticate:
    """Turns a secret into who is calling."""

    keys: KeyStore
    clock: Clock
    _known: OrderedDict[bytes, tuple[ApiKey, datetime]] = field(default_factory=OrderedDict)

    async def execute(self, secret: str) -> Principal:
        """Raises UnauthenticatedError (API_KEY_MISSING, API_KEY_INVALID)."""
        if not secret:
            raise UnauthenticatedError(
                Reason.API_KEY_MISSING, "send an API key as x-api-key or authorization: Bearer"
            )
        now = self.clock.now()
        digest = hash_secret(secret)
        key = self._cached(digest, now) or await self._read(digest, now)
        if key is None or not key.works_at(now):
            raise UnauthenticatedError(
                Reason.API_KEY_INVALID, "the API key is unknown, revoked or expired"
            )
        return Principal(key.account_id, key.api_key_id, key.scopes)

    def forget(self) -> None:
        """Drops what is cached, after a key was revoked."""
        self._known.clear()

    def _cached(self, digest: bytes, now: datetime) -> ApiKey | None:
        entry = self._known.get(digest)
        # One from before the clock was set back lasts no longer for that.
        if entry is None or not now < entry[1] <= now + _CACHE_FOR:
            return None
        return entry[0]

    async def _read(self, digest: bytes, now: datetime) -> ApiKey | None:
        key = await self.keys.find_key(digest)
        if key is not None:
            self._known[digest] = (key, now + _CACHE_FOR)
            self._known.move_to_end(digest)
            if len(self._known) > _CACHE_ENTRIES:
                self._known.popitem(last=False)
        return key
