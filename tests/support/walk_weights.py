"""What happens in a walk, and how often."""

# How often each thing happens, by the names of Walk's methods.
WEIGHTS = {
    "create": 6,
    "add": 4,
    "replace": 3,
    "start": 4,
    "pause": 4,
    "resume": 10,
    "cancel": 1,
    "delete": 1,
    "edit": 3,
    "edit_policy": 3,
    "change_limits": 3,
    "cancel_row": 4,
    "suppress": 3,
    "throttle": 3,
    "carrier_config": 3,
    "change_config": 3,
    "number_rules": 3,
    "retry": 6,
    "retry_row": 3,
    "claim": 14,
    "direct": 6,
    "end_direct": 2,
    "external": 5,
    "external_ends": 3,
    "send": 16,
    "report": 30,
    "tell": 6,
    "hang_up": 3,
    "come_back": 3,
    "wait": 12,
    "reap": 4,
    "move_windows": 6,
    "settle": 8,
    "look_up": 4,
    "erase": 8,
    "explain": 4,
    "arrive": 4,
}

EXPLAINED_WEIGHTS = WEIGHTS | {
    "create": 40,
    "add": 10,
    "edit": 8,
    "cancel_row": 1,
    "explain": 25,
    "arrive": 30,
    "hang_up": 50,
    "come_back": 20,
    "claim": 4,
    "send": 30,
    "reap": 10,
    "move_windows": 20,
    "settle": 20,
    "pause": 1,
    "change_limits": 1,
    "erase": 1,
    "change_config": 1,
    # It takes slots that were foreseen for others.
    "direct": 0,
    "end_direct": 0,
    "external": 0,
    "external_ends": 0,
    "tell": 0,
}
"""Of a walk that is about explanations."""

OPERATORS = {"start", "pause", "resume", "cancel", "delete", "edit", "change_limits", "retry"} | {
    "edit_policy",
    "suppress",
    "throttle",
    "carrier_config",
    "change_config",
    "number_rules",
    "replace",
}
"""After these, what was explained before may no longer be so."""

PASSES = {"wait", "explain", "claim", "arrive"}
"""In these no call ends and no claim is given back."""
