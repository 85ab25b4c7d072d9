"""Bounds on what a client may ask for, in one place so that every surface agrees."""

from datetime import timedelta
from typing import Final

DISPLAY_NAME_MAX_CHARS: Final = 200
AGENT_NAME_MAX_CHARS: Final = 64
BATCH_NAME_MAX_CHARS: Final = 255
CUSTOM_ID_MAX_CHARS: Final = 256
REQUEST_ID_MAX_CHARS: Final = 255
SIP_URI_MAX_CHARS: Final = 255

METADATA_MAX_ENTRIES: Final = 64
METADATA_KEY_MAX_CHARS: Final = 128
METADATA_VALUE_MAX_CHARS: Final = 512
TEMPLATE_CONTEXT_MAX_BYTES: Final = 64 * 1024

CONCURRENT_CALLS_MAX: Final = 100_000
CONCURRENT_CALLS_DEFAULT: Final = 100
PRIORITY_MAX: Final = 9
WEIGHT_MAX: Final = 1000

RING_TIMEOUT_MIN: Final = timedelta(seconds=5)
RING_TIMEOUT_MAX: Final = timedelta(seconds=600)
RING_TIMEOUT_DEFAULT: Final = timedelta(seconds=30)
CALL_DURATION_MIN: Final = timedelta(seconds=1)
CALL_DURATION_MAX: Final = timedelta(hours=24)
CALL_DURATION_DEFAULT: Final = timedelta(hours=1)

PAGE_SIZE_DEFAULT: Final = 50
PAGE_SIZE_MAX: Final = 1000
SCHEDULED_CALLS_PER_REQUEST_MAX: Final = 100_000
IMPORT_ROWS_MAX: Final = 1_000_000
IMPORT_ROWS_PER_MESSAGE_MAX: Final = 5_000
IMPORT_FINDINGS_MAX: Final = 100_000
SENDER_FAULTS_PER_ROW_MAX: Final = 16
SENDER_FAULT_MAX_CHARS: Final = 512
FIELD_VIOLATIONS_MAX: Final = 100
REQUEST_MAX_BYTES: Final = 34 * 1024 * 1024
IDEMPOTENCY_TTL: Final = timedelta(hours=24)
