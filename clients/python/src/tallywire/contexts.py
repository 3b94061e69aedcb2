"""What holds for all events that are made within a block: whose conversation this is, and who is at work in it."""

import contextvars
import types
from collections.abc import Mapping
from typing import Final, Self, TypedDict, Unpack

from tallywire import field_values


class Who(TypedDict, total=False):
    """Who and what an event is about. None and absent mean that nothing is said, an empty text that it is nobody."""

    agent_id: field_values.Id | None
    user_id: field_values.Id | None
    conversation_id: field_values.Id | None
    channel: str | None
    team_id: field_values.Id | None
    campaign_id: field_values.Id | None


_NAMES: Final = tuple(Who.__annotations__)
_NOTHING: Final[Mapping[str, str]] = types.MappingProxyType({})
_current: Final[contextvars.ContextVar[Mapping[str, str]]] = contextvars.ContextVar("tallywire", default=_NOTHING)


class EventContext:
    """The block of context(): events that are made inside take what it says."""

    __slots__ = ("_said", "_tokens")

    def __init__(self, said: Mapping[str, str]) -> None:
        self._said = said
        self._tokens: list[contextvars.Token[Mapping[str, str]]] = []

    def __enter__(self) -> Self:
        """Begins the block."""
        self._tokens.append(_current.set({**_current.get(), **self._said}))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        """Ends the block: what held before holds again."""
        try:
            _current.reset(self._tokens.pop())
        except ValueError:
            # A generator may be closed in another task or thread than the one that it began in, where nothing was set.
            return


def context(**who: Unpack[Who]) -> EventContext:
    """Returns a block, `with context(conversation_id="c1", agent_id="a"):`, in which events say who they are about.

    It holds for events that are *made* inside: by event(), and by Tracker.track() with the name of a type. They take
    each field that they are not given themselves; a field given as an empty text stays empty. A built event goes as it
    is, so that one that is sent again says the same. Blocks nest: an inner one adds to the outer one, and its own
    fields win. Each task of asyncio and each thread has its own blocks; a task begins with those in which it was
    started, and so does asyncio.to_thread(), while a new thread begins with none.

    Raises TypeError for an unknown field or a value that is no id.
    """
    return EventContext(checked(who))


def checked(who: Mapping[str, object]) -> dict[str, str]:
    """Returns what is said as texts. Raises TypeError for an unknown field or a value of the wrong type."""
    unknown = ", ".join(sorted(str(name) for name in who.keys() - set(_NAMES)))
    if unknown:
        raise TypeError(f"no event says {unknown} of who it is about; the fields are {', '.join(_NAMES)}")
    channel = who.get("channel")
    if channel is not None and not isinstance(channel, str):
        raise field_values.WrongType("channel", f"channel is a text, not {channel!r:.80} ({type(channel).__name__})")
    return {name: field_values.identity(name, value) for name, value in who.items() if value is not None}


def completed(who: Mapping[str, object]) -> dict[str, str]:
    """Returns what an event says itself, and for the rest what the blocks around it say. Raises as checked() does."""
    return {**_current.get(), **checked(who)}
