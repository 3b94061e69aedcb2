"""A mistake: functions that are put in the place of the service's own, found by name and not by their text."""

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_PACKAGES = ("server", "workers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A mistake and the checks that may find it. make makes it in this process, for good."""

    make: Callable[[], None]
    checks: frozenset[str]


def together(*makes: Callable[[], None]) -> Callable[[], None]:
    """Makes several changes."""

    def make() -> None:
        for one in makes:
            one()

    return make


def replace(old: Any, new: Any) -> None:
    """Puts a function in the place of another, wherever a module or a class of the service has that.

    TypeError where their parameters have other names: the service calls the new one as it did the old one.
    """
    names, given = list(inspect.signature(new).parameters), list(inspect.signature(old).parameters)
    if names != given:
        raise TypeError(f"{old.__qualname__} takes {', '.join(given)}, and its mistake {', '.join(names)}")
    for holder, name in list(_places(old)):
        setattr(holder, name, new)


def _places(sought: Any) -> Iterator[tuple[Any, str]]:
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] in _PACKAGES:
            classes = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module_name]
            for holder in (module, *classes):
                yield from ((holder, name) for name, value in list(vars(holder).items()) if value is sought)
