"""Chooses the operating system account the engines run as."""

import dataclasses
import os
import pathlib
import pwd

from server.local.embedded import errors

# PostgreSQL refuses to run as root; its own account is the better choice where the machine has one.
CANDIDATES = ("postgres", "nobody")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account of the engines; None stands for the account of this process."""

    uid: int | None = None
    gid: int | None = None

    @property
    def groups(self) -> list[int] | None:
        """Gives the further groups for subprocess: none at all once the account changes."""
        return None if self.uid is None else []

    def give(self, target: pathlib.Path | int) -> None:
        """Makes the account the owner of a path or an open file."""
        if self.uid is not None and self.gid is not None:
            os.chown(target, self.uid, self.gid)


def choose(cluster: pathlib.Path) -> Account:
    """Answers this process's own account, and for root the owner of the cluster or an unprivileged one."""
    if os.geteuid() != 0:
        if not cluster.exists():
            _require_entry(os.geteuid())
        return Account()
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    raise errors.EnginesUnavailable(
        f"PostgreSQL refuses to run as root and none of the accounts {', '.join(CANDIDATES)} exists:"
        " run as an ordinary user"
    )


def _require_entry(uid: int) -> None:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise errors.EnginesUnavailable(
            f"initdb needs an entry for uid {uid} in /etc/passwd: add one, run as another user"
        ) from None
