"""Why a request about organizations or API keys cannot be carried out, each with its status.

The messages are for whoever made the request, over whatever entrance; the command line adds which command helps.
"""

from datetime import date
from typing import ClassVar

from server.errors import Status


class OrganizationError(Exception):
    """The request cannot be carried out as it is; nothing was changed."""

    status: ClassVar[Status] = Status.INVALID_ARGUMENT


class OrganizationNotFound(OrganizationError):
    """No organization has that name."""

    status = Status.NOT_FOUND

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no organization named {name!r}")


class OrganizationRevoked(OrganizationError):
    """The state of an organization cannot change: it is revoked, which is for good, or does not exist."""

    status = Status.FAILED_PRECONDITION

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no organization named {name!r} that is not revoked")


class OrganizationDeleting(OrganizationError):
    """The organization is to be deleted, which has to be taken back first."""

    status = Status.FAILED_PRECONDITION

    def __init__(self, name: str) -> None:
        super().__init__(f"the organization {name!r} is to be deleted: take that back first")


class OrganizationNotDeleting(OrganizationError):
    """There is no deletion to take back."""

    status = Status.FAILED_PRECONDITION

    def __init__(self, name: str) -> None:
        super().__init__(f"the organization {name!r} is not to be deleted")


class DeletionOfAnother(OrganizationError):
    """The id of the request is that of the deletion of an organization of another name."""

    def __init__(self) -> None:
        super().__init__("request_id was used to delete another organization: make a new id")


class OrganizationExists(OrganizationError):
    """The name is taken."""

    status = Status.ALREADY_EXISTS

    def __init__(self, name: str) -> None:
        super().__init__(f"there is an organization named {name!r} already")


class InvalidOrganizationName(OrganizationError):
    """The name is empty, too long or not printable, or looks like another one."""

    def __init__(self) -> None:
        super().__init__(
            "an organization's name has 1 to 100 printable characters, in Unicode's form C, and no blanks around them"
        )


class InvalidSetting(OrganizationError):
    """A value that a setting cannot have."""

    def __init__(self, setting: str, message: str) -> None:
        super().__init__(message)
        self.setting = setting


class InvalidKey(OrganizationError):
    """What a key cannot be."""


class InvalidPrice(OrganizationError):
    """An entry that a price list cannot have."""


class PriceNotFound(OrganizationError):
    """The price list has no entry of that model and day."""

    status = Status.NOT_FOUND

    def __init__(self, model: str, effective_from: date) -> None:
        super().__init__(f"the price list has no entry of {model!r} from {effective_from} on")


class ScopesMissing(OrganizationError):
    """A key without a scope could do nothing."""

    def __init__(self) -> None:
        super().__init__("a key needs at least one scope")


class KeyNotFound(OrganizationError):
    """No API key has that id."""

    status = Status.NOT_FOUND

    def __init__(self, key_id: str) -> None:
        super().__init__(f"there is no key with the id {key_id!r}")


class SessionNotFound(OrganizationError):
    """No session has that id."""

    status = Status.NOT_FOUND

    def __init__(self, session_id: str) -> None:
        super().__init__(f"there is no session with the id {session_id!r}, or it ended long ago")


class PseudonymKeyChanged(OrganizationError):
    """E-mail addresses would get other pseudonyms than they have in this database."""

    status = Status.FAILED_PRECONDITION

    def __init__(self) -> None:
        super().__init__("the pseudonyms of e-mail addresses in this database were made with another key")
