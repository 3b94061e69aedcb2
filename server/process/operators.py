"""Who runs a command, for the audit trail."""

import os
import pwd
import socket

from server import settings
from server.organizations.audit_trail import Actor, ActorKind


def operator() -> Actor:
    """Returns the operator: by the name that is set, else by the account and the machine."""
    return Actor(kind=ActorKind.OPERATOR, id=settings.load().operator or f"{_account()}@{socket.gethostname()}")


def _account() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # containers run under numbers without a name
        return str(os.getuid())
