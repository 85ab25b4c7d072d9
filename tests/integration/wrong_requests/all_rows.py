"""All rows of the table of wrong requests."""

from tests.integration.wrong_requests import (
    account_rows,
    batch_rows,
    call_rows,
    carrier_config_rows,
    contact_import_rows,
    contact_rows,
    direct_call_rows,
    external_call_rows,
    import_rows,
    list_rows,
    number_rows,
    policy_rows,
    retry_rows,
    suppression_rows,
    throttle_rows,
    webhook_rows,
)

ROWS = [
    *account_rows.ROWS,
    *batch_rows.ROWS,
    *policy_rows.POLICIES,
    *list_rows.ROWS,
    *import_rows.ROWS,
    *call_rows.ROWS,
    *direct_call_rows.ROWS,
    *external_call_rows.ROWS,
    *retry_rows.ROWS,
    *suppression_rows.ROWS,
    *throttle_rows.ROWS,
    *webhook_rows.ROWS,
    *contact_rows.ROWS,
    *contact_import_rows.ROWS,
    *number_rows.ROWS,
    *carrier_config_rows.ROWS,
]
