"""Accounts and API keys."""

from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1 import account_pb2 as pb

from outdial_server.api.conversion.enums import API_KEY_SCOPE
from outdial_server.api.conversion.masks import masked_fields
from outdial_server.api.conversion.times import duration, span, timestamp
from outdial_server.domain.account import Account, AccountChange, ApiKey, Scope
from outdial_server.domain.etag import etag_of
from outdial_server.domain.number_rules import NumberRules

_WRITABLE: Final = ("display_name", "max_concurrent_calls", "reserved_slots", "number_rules")


def account_to_message(account: Account) -> pb.Account:
    return pb.Account(
        account_id=account.account_id,
        display_name=account.display_name,
        max_concurrent_calls=account.max_concurrent_calls,
        reserved_slots=account.reserved_slots,
        create_time=timestamp(account.created_at),
        update_time=timestamp(account.updated_at),
        etag=etag_of(account.revision),
        active_calls=account.active_calls,
        number_rules=_rules_to_message(account.number_rules),
    )


def _rules_to_message(rules: NumberRules) -> pb.NumberRules | None:
    if not rules.are_any:
        return None
    gap = None if rules.min_gap is None else duration(rules.min_gap)
    return pb.NumberRules(min_gap=gap, max_calls_per_day=rules.max_calls_per_day or 0)


def _number_rules(message: pb.NumberRules) -> NumberRules:
    gap = None
    if message.HasField("min_gap"):
        gap = span(message.min_gap, "account.number_rules.min_gap")
    return NumberRules(gap, message.max_calls_per_day or None)


def new_account(message: pb.Account) -> AccountChange:
    """The fields of an account to be made; 0 calls means the default."""
    return AccountChange(
        message.display_name,
        message.max_concurrent_calls or None,
        message.reserved_slots,
        _number_rules(message.number_rules),
    )


def account_change(message: pb.Account, mask: FieldMask) -> AccountChange:
    named = masked_fields(mask, message, _WRITABLE)
    values = {name: getattr(message, name) for name in named}
    if "number_rules" in named:
        values["number_rules"] = _number_rules(message.number_rules)
    return AccountChange(**values)


def api_key_to_message(key: ApiKey) -> pb.ApiKey:
    return pb.ApiKey(
        api_key_id=key.api_key_id,
        account_id=key.account_id,
        display_name=key.display_name,
        prefix=key.prefix,
        scopes=[API_KEY_SCOPE.to_message(scope) for scope in sorted(key.scopes)],
        expire_time=timestamp(key.expires_at),
        create_time=timestamp(key.created_at),
        revoke_time=timestamp(key.revoked_at),
    )


def scopes_from_message(message: pb.ApiKey) -> frozenset[Scope]:
    return frozenset(API_KEY_SCOPE.each(message.scopes, "api_key.scopes"))
