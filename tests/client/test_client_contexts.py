"""Context: what a block says of an event is in every event that is made inside, and in no other."""

import asyncio
import contextlib
import inspect
import threading
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
import scripted

import tallywire
from tallywire import contexts
from tallywire.v1 import event_pb2


def who(event: event_pb2.Event) -> tuple[str, str, str]:
    """The agent, the conversation and the channel of an event."""
    return event.agent_id, event.conversation_id, event.channel


def made(**fields: object) -> tuple[str, str, str]:
    """What an event says that is made here and now."""
    return who(tallywire.event("message.sent", **fields))  # type: ignore[arg-type]  # the tests give what they please


def test_events_inside_say_what_the_block_says_and_their_own_fields_win() -> None:
    with tallywire.context(conversation_id="c1", agent_id="bot", channel="web"):
        assert made() == ("bot", "c1", "web")
        assert made(agent_id="maria", channel=None) == ("maria", "c1", "web")
        assert made(agent_id="", response_time_ms=5) == ("", "c1", "web")
    assert made() == ("", "", "")


def test_every_field_that_says_who_an_event_is_about_is_one_of_a_context() -> None:
    parameters = inspect.signature(tallywire.event).parameters
    own = [name for name in parameters if name.endswith("_id") and name not in ("event_id", "resource_id")]
    assert sorted([*own, "channel"]) == sorted(contexts.Who.__annotations__)
    with tallywire.context(
        agent_id=1, user_id=2, conversation_id=uuid.UUID(int=3), channel="d", team_id="e", campaign_id="f"
    ):
        event = tallywire.event("a.b")
    assert (event.agent_id, event.user_id, event.team_id, event.campaign_id) == ("1", "2", "e", "f")
    assert event.conversation_id == str(uuid.UUID(int=3))
    assert event.channel == "d"


def test_blocks_nest_and_end_with_an_exception_too() -> None:
    outer = tallywire.context(agent_id="bot", channel="web")
    with outer:
        with contextlib.suppress(KeyError), tallywire.context(conversation_id="c2", channel=""):
            assert made() == ("bot", "c2", "")
            raise KeyError
        with outer, tallywire.context(agent_id=None):
            assert made() == ("bot", "", "web")
        assert made() == ("bot", "", "web")
    assert made() == ("", "", "")


async def test_tasks_have_blocks_of_their_own_and_begin_with_those_around_them() -> None:
    both = asyncio.Barrier(2)

    async def task(conversation: str) -> list[tuple[str, str, str]]:
        with tallywire.context(conversation_id=conversation):
            await both.wait()
            here = made()
            return [here, await asyncio.to_thread(made)]

    with tallywire.context(agent_id="bot"):
        found = await asyncio.gather(task("c1"), task("c2"))
    assert found == [[("bot", "c1", "")] * 2, [("bot", "c2", "")] * 2]


def test_a_new_thread_begins_without_any() -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(made()))
    with tallywire.context(agent_id="bot"):
        thread.start()
        thread.join()
    # From Python 3.14 on, an interpreter without the lock gives a thread the context of its maker.
    assert found in ([("", "", "")], [("bot", "", "")])


async def test_a_generator_that_is_closed_elsewhere_raises_nothing() -> None:
    def blocking() -> Iterator[None]:
        with tallywire.context(agent_id="bot"):
            yield

    generator = blocking()
    await asyncio.to_thread(next, generator)
    generator.close()
    assert made() == ("", "", "")

    async def dependency() -> AsyncIterator[None]:
        with tallywire.context(agent_id="bot"):
            yield

    one = dependency()
    await anext(one)
    await asyncio.create_task(one.aclose())  # type: ignore[attr-defined]  # it is a generator
    assert made() == ("bot", "", "")  # this task's, in which the block began
    contexts._current.set({})


def test_wrong_fields_are_refused_where_the_block_is_made() -> None:
    with pytest.raises(TypeError, match=r"no event says agent of who it is about; the fields are agent_id, user_id"):
        tallywire.context(agent="a")  # type: ignore[call-arg]  # the case
    with pytest.raises(TypeError, match=r"agent_id is a text, a whole number or a UUID, not 1.5"):
        tallywire.context(agent_id=1.5)  # type: ignore[arg-type]  # the case
    with pytest.raises(TypeError, match=r"channel is a text, not 7"):
        tallywire.context(channel=7)  # type: ignore[arg-type]  # the case


def test_trackers_and_clients_send_what_the_block_says(
    running: scripted.Running, script: scripted.Script, client: tallywire.Client
) -> None:
    before = tallywire.event("message.received")
    with (
        tallywire.Tracker(running.address, api_key="k") as tracker,
        tracker.context(agent_id="bot", conversation_id="c1"),
    ):
        tracker.track("message.sent", response_time_ms=5)
        tracker.track(before)
        assert tracker.flush(10)
        with client.context(channel="web"):
            client.track(tallywire.event("feedback.submitted", rating=5))
    found = {event.event_type: who(event) for event in script.stored.values()}
    assert found == {
        "message.sent": ("bot", "c1", ""),
        # It was made before, and says the same whenever it is sent.
        "message.received": ("", "", ""),
        "feedback.submitted": ("bot", "c1", "web"),
    }
    assert tallywire.AsyncClient.context is tallywire.context
