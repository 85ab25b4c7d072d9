"""Fields as the contract names them, and as they are named here."""

import re
from typing import Final

_NAMES: Final = {
    "address": "phone_number",
    "annotations": "contact_source",
    "batch_id": "batch_call_id",
    "caller_id": "from_number",
    "contact_folder_ids": "contact_folder_id",
    "days": "working_days",
    "display_name": "name",
    "end": "end_time",
    "first_message": "greeting",
    "max_attempts": "max_retry_attempts",
    "max_call_duration": "max_duration",
    "phone_numbers": "phone_number_ids",
    "postal_code": "pin_code",
    "prompt": "system_prompt",
    "request_id": "X-Idempotency-Key",
    "ring_timeout": "join_timeout",
    "rotation": "phone_rotation_strategy",
    "scheduled_calls": "contacts",
    "start": "start_time",
    "template_context": "variables",
    "time_zone": "timezone",
    "window_start": "scheduled_at",
}

_RESOURCE: Final = re.compile(r"(agent|batch|call|contact|contact_folder|phone_number)\.(?=.)")
_INSIDE: Final = re.compile(r"(calling_hours|retry_policy)\.(?=.)")
_ROW: Final = re.compile(r"((?:scheduled_calls|contacts)\[[^]]*\])\.template_context")
_ROW_NAME: Final = re.compile(r"\.(first_name|last_name|email)$")


def field_name(path: str) -> str:
    """`scheduled_calls[6].address` is `contacts[6].phone_number`."""
    in_row = _ROW.match(path)
    if in_row is not None:
        rest = path[in_row.end() :]
        place = in_row[1].replace("scheduled_calls", "contacts")
        return place + (rest if _ROW_NAME.fullmatch(rest) else f".custom_fields{rest}")
    inner = _INSIDE.sub("", _RESOURCE.sub("", path, count=1))
    return _renamed(inner)


def _renamed(path: str) -> str:
    """What users have named themselves, behind `variables` or `metadata`, stays."""
    head, dot, rest = path.partition(".")
    word, bracket, index = head.partition("[")
    name = _NAMES.get(word, word)
    if dot and name not in {"variables", "metadata", "custom_fields"}:
        rest = _renamed(rest)
    return f"{name}{bracket}{index}{dot}{rest}"
