"""What makes one kind of run differ from another: where the engines are, how they are reached, and what is done."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from server.failpoints import Name
from tests.harness.faults import world as worlds
from tests.harness.faults.checker import Violation
from tests.harness.faults.supervisor import NO_FAILPOINTS, NO_SETTINGS
from tests.harness.faults.world import EngineWays, Place, ServerWays, Start, World
from tests.support import citus


def _nothing(_: World) -> Iterable[Violation]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A kind of run. harm lets clients work while something is done to the service, and returns when that is over."""

    harm: Callable[[World, float], Awaitable[None]]
    option: str = ""  # of the command line
    data: Place = worlds.in_memory  # where the engines' folder is
    start: Start = citus.start
    urls: EngineWays = worlds.by_url
    targets: ServerWays = worlds.by_address
    failpoints: Callable[[int], Mapping[str, Mapping[Name, float]]] = lambda _: NO_FAILPOINTS  # by seed; then by name
    # Of the servers, beside those that all runs have.
    settings: Mapping[str, str] = field(default_factory=lambda: NO_SETTINGS)
    watched: bool = False  # subscribers take part
    quiet: bool = False  # it makes few calls
    judge: Callable[[World], Iterable[Violation]] = _nothing  # what only this kind promises
