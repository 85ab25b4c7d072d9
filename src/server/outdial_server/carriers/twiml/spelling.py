"""How names are spelled."""

import re


def pascal_case(name: str) -> str:
    """`SendDigits` may be given as `send_digits` or `sendDigits`, too."""
    return "".join(part[:1].upper() + part[1:] for part in re.split("_+", name))
