"""Who is told the secret of a webhook again."""

import pytest

from outdial_server.adapters.master_key import master_key_from
from outdial_server.adapters.sealing import AesGcmSeal
from outdial_server.commands.shown_secrets import ShownSecrets
from outdial_server.domain.account import Principal, Scope
from outdial_server.domain.ids import AccountId, ApiKeyId
from outdial_server.domain.webhook_secrets import SealedSecrets
from support.clock import START
from support.sealing import SEAL

OWNER = "018fffe0-cb69-7000-8000-000000000000"
SECRETS = SealedSecrets(SEAL.seal("first", OWNER)).rotated(SEAL.seal("second", OWNER), START)


def principal(*scopes: Scope) -> Principal:
    return Principal(AccountId("a"), ApiKeyId("k"), frozenset(scopes))


def test_the_newest_is_told_to_a_key_that_may_write() -> None:
    assert ShownSecrets(SEAL).of(principal(Scope.READ, Scope.WRITE), SECRETS, OWNER) == "second"


@pytest.mark.parametrize("scopes", [(Scope.READ,), (Scope.READ, Scope.ADMIN, Scope.OPERATOR)])
def test_no_other_key_is_told_any(scopes: tuple[Scope, ...]) -> None:
    assert ShownSecrets(SEAL).of(principal(*scopes), SECRETS, OWNER) == ""


def test_one_that_cannot_be_read_any_more_is_not_told() -> None:
    shown = ShownSecrets(AesGcmSeal(master_key_from("another text")))
    assert shown.of(principal(Scope.READ, Scope.WRITE), SECRETS, OWNER) == ""
