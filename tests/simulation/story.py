"""What happened in a world, in order: to be read, and to be compared."""

from collections.abc import Callable
from hashlib import sha256


class Story:
    """The hash is over all that was told; the lines leave out what nobody would read."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._hash = sha256()
        self.lines: list[str] = []

    def tell(self, who: str, what: str) -> None:
        line = f"{self._seconds():10.3f}  {who:<9} {what}"
        self.lines.append(line)
        self._hash.update(line.encode())

    def count(self, what: str) -> None:
        """Of the hash alone."""
        self._hash.update(f"{self._seconds():.6f} {what}\n".encode())

    @property
    def hash(self) -> str:
        return self._hash.hexdigest()
