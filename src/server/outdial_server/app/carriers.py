"""The carriers that an installation dials through."""

from outdial_server.adapters.sealing import AesGcmSeal
from outdial_server.app.foundation import Foundation
from outdial_server.carriers.accounts import CarrierAccounts
from outdial_server.carriers.plivo.kind import PlivoKind
from outdial_server.carriers.registry import CarrierRegistry
from outdial_server.carriers.simulated.http import HttpSimulatedCarrier
from outdial_server.carriers.simulated.local import LocalSimulatedCarrier
from outdial_server.carriers.simulated.profile import (
    ProfileError,
    SimulationProfile,
    named_profile,
    with_settings,
)
from outdial_server.carriers.sip.kind import SipKind
from outdial_server.carriers.sip.supervisor import SipSupervisor
from outdial_server.carriers.telnyx.kind import TelnyxKind
from outdial_server.carriers.twilio.kind import TwilioKind
from outdial_server.engine import GatheredReports
from outdial_server.gateway import CallbackTokens
from outdial_server.ports.carrier import Carrier
from outdial_server.ports.carrier_kind import CarrierKind
from outdial_server.settings import SettingsError
from outdial_server.webhooks.webhook_carrier import WebhookCarrier


def build_sip(base: Foundation) -> SipSupervisor | None:
    settings = base.settings
    if not settings.sip_listen:
        return None
    address, _, port = settings.sip_listen.rpartition(":")
    return SipSupervisor(
        address, int(port), settings.outgoing_allow, base.store.callbacks, base.clock
    )


def build_carriers(
    base: Foundation,
    reports: GatheredReports,
    tokens: CallbackTokens,
    seal: AesGcmSeal,
    sip: SipSupervisor | None,
) -> CarrierRegistry:
    settings = base.settings
    guard = settings.outgoing_guard
    kinds: list[CarrierKind] = [
        TwilioKind(guard),
        TelnyxKind(guard, base.clock),
        PlivoKind(guard),
    ]
    if sip is not None:
        kinds.append(SipKind(sip, guard, lambda: base.store.is_alone))
    accounts = CarrierAccounts(
        {kind.name: kind for kind in kinds},
        base.store.carrier_configs,
        seal,
        lambda carrier, config_id: (
            f"{settings.callback_base_url}/{carrier}/{config_id}/{tokens.of_config(config_id)}"
        ),
        base.clock,
    )
    webhook = WebhookCarrier(base.store.calls, seal, base.clock, guard, settings.batch_webhook_rest)
    return CarrierRegistry(_simulated_carrier(base, reports, tokens.own), kinds, accounts, webhook)


def _simulated_carrier(base: Foundation, reports: GatheredReports, token: str) -> Carrier | None:
    settings = base.settings
    if settings.simulated_carrier_url:
        secret = settings.simulated_carrier_secret.get_secret_value()
        callback_url = f"{settings.callback_base_url}/{HttpSimulatedCarrier.name}/{token}"
        return HttpSimulatedCarrier(settings.simulated_carrier_url, secret, callback_url)
    if settings.simulate:
        profile = _profile(settings.simulate_profile)
        return LocalSimulatedCarrier(profile, reports, base.ids.new_id)
    return None


def _profile(text: str) -> SimulationProfile:
    """`NAME` or `NAME,setting=value,...`"""
    name, *changes = text.split(",")
    try:
        return with_settings(named_profile(name), changes)
    except ProfileError as error:
        raise SettingsError(f"OUTDIAL_SIMULATE_PROFILE: {error}") from error
