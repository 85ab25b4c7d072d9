"""Secrets sealed as an installation seals them, under a key that is known."""

from outdial_server.adapters.master_key import master_key_from
from outdial_server.adapters.sealing import AesGcmSeal
from outdial_server.commands.batch_webhooks import BatchWebhooks
from outdial_server.domain.internet import AddressGuard

SEAL = AesGcmSeal(master_key_from("a key of tests"))


def batch_webhooks() -> BatchWebhooks:
    return BatchWebhooks(SEAL, AddressGuard())
