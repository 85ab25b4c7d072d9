"""The tables. One schema for both databases.

Every row that others refer to has a small integer `key`, the store's own, beside its
public id: ids are 16 bytes, keys 2 to 5, and events and calls are many. Moments are
microseconds since 1970 in UTC, lengths are whole seconds.

No index names, even in its WHERE, a column that an ordinary change of a call touches,
`trusted_until_us` apart: that one is what the reaper and the reconciler live by.
"""

from outdial_server.storage.schema import (
    accounts,
    agents,
    batches,
    calls,
    carriers,
    contacts,
    events,
    external_calls,
    imports,
    installation,
    number_rules,
    phone_numbers,
    requests,
    scheduled_calls,
    slots,
    suppressions,
    throttles,
    webhooks,
)
from outdial_server.storage.schema.columns import metadata

__all__ = [
    "accounts",
    "agents",
    "batches",
    "calls",
    "carriers",
    "contacts",
    "events",
    "external_calls",
    "imports",
    "installation",
    "metadata",
    "number_rules",
    "phone_numbers",
    "requests",
    "scheduled_calls",
    "slots",
    "suppressions",
    "throttles",
    "webhooks",
]
