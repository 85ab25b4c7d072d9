"""What a batch does where more than one thing would be right."""

from enum import IntEnum


class UnknownPolicy(IntEnum):
    """What to do with a call of which nobody knows whether it was placed."""

    AT_MOST_ONCE = 1
    RECONCILED_RETRY = 2
    HOLD = 3


class DuplicatePolicy(IntEnum):
    KEEP = 1
    SKIP = 2
    REJECT = 3


class RetryCallerId(IntEnum):
    """Which number later tries show: that of the first one, or the one that is due now."""

    KEEP = 1
    CHOOSE_AGAIN = 2


class ConfigErrorPolicy(IntEnum):
    PAUSE = 1
    FAIL = 2
