"""Etags: the version of what a client may write, as opaque text."""

from outdial_server.domain.errors import ConflictError, Reason


def etag_of(revision: int) -> str:
    return f'"{revision}"'


def check_etag(given: str, revision: int) -> None:
    """An empty etag matches anything. Raises ConflictError (ETAG_MISMATCH)."""
    present = etag_of(revision)
    if given and given != present:
        raise ConflictError(
            Reason.ETAG_MISMATCH,
            f"etag {given} is not the present one; read the resource again",
            {"etag": present},
        )
