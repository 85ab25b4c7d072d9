"""How the numbers of a batch take turns: a setting. `domain.number_rotation` chooses by it."""

from enum import IntEnum


class Rotation(IntEnum):
    """How the numbers of a batch take turns. The numbers here are stored; add, never change."""

    # Each with a free slot is as likely as the others, for each dial anew.
    RANDOM = 1
    # The same one until it cannot be used, then the next in the list.
    SEQUENTIAL = 2
    # The next in the list for each dial.
    ROUND_ROBIN = 3
