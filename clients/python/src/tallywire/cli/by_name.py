"""Rules and destinations by what people call them: a name may stand wherever an id may."""

from collections.abc import Iterable
from typing import Final

from tallywire import client
from tallywire.alerts import AlertRuleInFull
from tallywire.cli.problems import WrongUsage

_DESTINATION: Final = "dst_"  # how ids of destinations begin


def rule_id(server: client.Client, named: str) -> str:
    """Returns the id of the alert rule that somebody has named by id or by name. Raises WrongUsage."""
    return _one((((one.rule.rule_id, one.rule.name) for one in server.alerts.list())), named, "rules")


def rule(server: client.Client, named: str) -> AlertRuleInFull:
    """Returns the alert rule that somebody has named by id or by name. Raises WrongUsage."""
    return server.alerts.get(rule_id(server, named))


def destination_id(server: client.Client, named: str) -> str:
    """Returns the id of the destination that somebody has named by id or by name. Raises WrongUsage."""
    if named.startswith(_DESTINATION):
        return named
    found = server.delivery.destinations()
    return _one(((one.destination_id, one.name) for one in found), named, "destinations")


def _one(known: Iterable[tuple[str, str]], named: str, what: str) -> str:
    """Returns the id of what has a name. What nobody calls anything by is taken as an id, for the service to know."""
    same = [key for key, name in known if name.casefold() == named.casefold()]
    if len(same) > 1:
        raise WrongUsage(f"{len(same)} {what} are called {named!r}: name one by its id, such as {same[0]}")
    return same[0] if same else named
