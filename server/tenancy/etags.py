"""Etags: a change of what is kept is refused where somebody else has changed it since it was read."""

from server.errors import Reason, Refused


def check(kept: str, given: str, *, what: str, field: str, by: str = "") -> None:
    """Refuses an etag that is not that of what is kept, unless none was given. what names it, and by who changed it."""
    if given and given != kept:
        whose = f", by {by}" if by else ""
        raise Refused(
            Reason.ETAG_MISMATCH,
            f"the {what} was changed since it was read{whose}: read it again",
            field=field,
            metadata={"etag": kept},
        )
