"""What calls go out with, in full: phone numbers, and accounts at carriers."""

from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.phone_number_pb2 import PhoneNumber

from outdial_client.cli._choices import NUMBER_CAPABILITIES
from outdial_client.cli._facts import Facts, stated
from outdial_client.cli._words import labels, moment


def number_facts(number: PhoneNumber) -> Facts:
    """One phone number in full; what is unset is left out."""
    facts = [
        ("id", number.phone_number_id),
        ("number", number.address),
        ("name", number.display_name),
        ("held", _hold(number) if number.active else "it is not active"),
        ("good for", ", ".join(map(NUMBER_CAPABILITIES.spoken, number.capabilities))),
        ("agent", number.agent_id),
        ("carrier config", number.carrier_config),
        ("calls at once", str(number.max_concurrent_calls or "")),
        ("alive", str(number.active_calls)),
        ("labels", labels(number.metadata)),
        ("created", moment(number.create_time)),
    ]
    return stated(facts)


def _hold(of: CarrierConfig | PhoneNumber) -> str:
    """Why it gets no calls, and until when."""
    if not of.held_reason:
        return ""
    until = f" until {moment(of.held_until)}" if of.HasField("held_until") else ""
    failure = f" ({of.last_failure})" if of.last_failure else ""
    return f"{of.held_reason.replace('_', ' ').lower()}{failure}{until}"


def calls_per_second(config: CarrierConfig) -> str:
    """The rate that holds."""
    rate = config.effective_calls_per_second
    default = "" if config.calls_per_second else " (the carrier's)"
    if config.calls_per_second > rate:
        default = f" (of {config.calls_per_second:g}, rising again)"
    return f"{rate:g}{default}" if rate else ""


def carrier_config_facts(config: CarrierConfig) -> Facts:
    """One carrier config in full; what is unset is left out."""
    facts = [
        ("id", config.carrier_config_id),
        ("name", config.display_name),
        ("carrier", config.carrier),
        ("held", _hold(config)),
        ("calls at once", str(config.max_concurrent_calls or "")),
        ("calls a second", calls_per_second(config)),
        ("alive", str(config.active_calls)),
        *_credentials_facts(config),
        ("labels", labels(config.metadata)),
        ("created", moment(config.create_time)),
    ]
    return stated(facts)


def _credentials_facts(config: CarrierConfig) -> Facts:
    """What is shown of them; of secrets how they begin."""
    kind = config.WhichOneof("credentials")
    if kind is None:
        return []
    shown = getattr(config, kind).ListFields()
    return [(_words(field.name), _shown(field.name, value)) for field, value in shown]


def _words(name: str) -> str:
    return name.removesuffix("_hint").replace("_", " ")


def _shown(name: str, value: str | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value}..." if name.endswith("_hint") else value
