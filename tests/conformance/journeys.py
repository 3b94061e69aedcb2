"""What clients must stand against a real server: many calls at once, restarts and TLS."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conformance.languages import Testee
from tests.conformance.server_process import ServerProcess
from tests.support.certificates import Certificates
from tests.support.serving import uuid7
from tests.support.waiting import PATIENCE

_CARRIED = 8_000  # bytes: about fifty events
OVERVIEW = "tallywire.v1.MetricsService/GetOverview"


class Refused(AssertionError):
    """A command did not have the reply that it must have."""


async def done(testee: Testee, do: str, **arguments: Any) -> dict[str, Any]:
    """Returns what a command gives. Raises Refused for an error."""
    reply = await testee.ask({"do": do, **arguments})
    if "ok" not in reply:
        raise Refused(f"{testee.language.name}: {do} gives {reply}")
    ok: dict[str, Any] = reply["ok"]
    return ok


async def failed(testee: Testee, do: str, **arguments: Any) -> dict[str, Any]:
    """Returns the error of a command. Raises Refused if it has none."""
    reply = await testee.ask({"do": do, **arguments})
    if "error" not in reply:
        raise Refused(f"{testee.language.name}: {do} gives {reply}")
    error: dict[str, Any] = reply["error"]
    return error


def event() -> dict[str, Any]:
    """Returns an event of now."""
    return {"event_id": uuid7(), "event_type": "message.sent", "occurred_at": _stamp(datetime.now(UTC))}


def period() -> dict[str, str]:
    """Returns a period around now."""
    now = datetime.now(UTC)
    return {"start": _stamp(now - timedelta(days=1)), "end": _stamp(now + timedelta(minutes=30))}


async def counted(testee: Testee, client: str) -> int:
    """Returns how many events of the organization are counted."""
    answer = await done(testee, "call", client=client, method=OVERVIEW, request={"time_range": period()})
    return int(answer["response"]["overview"]["events"])


async def many_calls_at_once(testee: Testee, address: str, key: str, calls: int = 300) -> None:
    """Sends so many single events at once over one connection, then asks as many questions: none may fail."""
    await done(testee, "open", client="many", addresses=[address], key=key)
    results = await asyncio.gather(
        *[done(testee, "track", client="many", single=True, events=[event()], timeout_ms=60_000) for _ in range(calls)]
    )
    statuses = {result["results"][0]["status"] for result in results}
    if statuses != {"EVENT_STATUS_ACCEPTED"}:
        raise Refused(f"of {calls} events at once some are {statuses}")
    question = {"time_range": period()}
    await asyncio.gather(
        *[
            done(testee, "call", client="many", method=OVERVIEW, request=question, timeout_ms=60_000)
            for _ in range(calls)
        ]
    )
    if (found := await counted(testee, "many")) != calls:
        raise Refused(f"{found} of {calls} events are counted")
    await done(testee, "close", client="many")


class _Way:
    """Passes connections on to a server, and counts the bytes of the clients."""

    def __init__(self, address: str) -> None:
        self._host, _, self._port = address.rpartition(":")
        self._passing: set[asyncio.Task[None]] = set()
        self.carried = 0

    async def open(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._host, int(self._port))
        for source, target, counts in ((reader, back, True), (there, writer, False)):
            passing = asyncio.create_task(self._pass(source, target, counts))
            self._passing.add(passing)
            passing.add_done_callback(self._passing.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counts: bool) -> None:
        with contextlib.suppress(ConnectionError):
            while part := await reader.read(65_536):
                self.carried += len(part) if counts else 0
                writer.write(part)
                await writer.drain()
        writer.close()


async def calls_in_turn(testee: Testee, address: str, key: str) -> None:
    """Sends events until two addresses of the service have carried enough of them, beyond what a greeting takes."""
    ways = [_Way(address), _Way(address)]
    doors = [await asyncio.start_server(way.open, "127.0.0.1", 0) for way in ways]
    addresses = [f"127.0.0.1:{door.sockets[0].getsockname()[1]}" for door in doors]
    await done(testee, "open", client="turns", addresses=addresses, key=key)
    try:
        async with asyncio.timeout(PATIENCE):
            while min(way.carried for way in ways) < _CARRIED:
                await done(testee, "track", client="turns", single=True, events=[event()], timeout_ms=60_000)
    except TimeoutError:
        raise Refused(f"two addresses have carried {[way.carried for way in ways]} bytes") from None
    finally:
        await done(testee, "close", client="turns")
        for door in doors:
            door.close()


class Phases:
    """The phases that several journeys go through together; one that has failed keeps nobody waiting."""

    def __init__(self, names: list[str]) -> None:
        self._reached = dict.fromkeys(names, 0)
        self._changed = asyncio.Condition()

    async def reach(self, name: str, phase: int) -> None:
        """Says that a journey has come to a phase."""
        async with self._changed:
            self._reached[name] = phase
            self._changed.notify_all()

    async def all_at(self, phase: int) -> None:
        """Waits until all journeys have come to a phase."""
        async with self._changed:
            await self._changed.wait_for(lambda: min(self._reached.values()) >= phase)


async def resume_across_restarts(
    testees: list[Testee], server: ServerProcess, keys: dict[str, str], events: int = 30
) -> dict[str, str]:
    """Reads updates while events are sent, and the server is stopped once and killed once: each revision once, in
    order, with all events. Returns what is wrong, by language; empty texts where nothing is.
    """
    names = [testee.language.name for testee in testees]
    phases = Phases(names)

    async def one(testee: Testee, name: str) -> str:
        try:
            async with asyncio.timeout(2 * PATIENCE):
                await _read_and_write(testee, server.address, keys[name], events, phases)
        except (Refused, RuntimeError, TimeoutError) as error:
            return repr(error)
        finally:
            await phases.reach(name, 2)
        return ""

    async def disturb() -> None:
        await phases.all_at(1)
        await server.stop()
        await server.start()
        await phases.all_at(2)
        await server.kill()
        await server.start()

    *wrong, _ = await asyncio.gather(*map(one, testees, names), disturb())
    return dict(zip(names, map(str, wrong), strict=True))


async def _read_and_write(testee: Testee, address: str, key: str, events: int, phases: Phases) -> None:
    """Sends events one by one, reads them in updates, and tells of a third and two thirds of them."""
    name = testee.language.name
    await done(testee, "open", client="r", addresses=[address], key=key)
    reading = {"client": "r", "stream": "r", "kind": "updates", "request": {"include_events": True}}
    await done(testee, "stream_open", bookmarks=True, **reading)
    begun = await done(testee, "stream_next", stream="r", timeout_ms=60_000)
    first = begun.get("update", {})
    if not first.get("bookmark"):
        raise Refused(f"the first message is no bookmark, which was asked for: {begun}")
    sent = [event() for _ in range(events)]
    revisions: list[int] = []
    seen: list[str] = []

    async def read() -> None:
        while len(seen) < events:
            message = await done(testee, "stream_next", stream="r", timeout_ms=60_000)
            if "update" not in message:
                raise Refused(f"no update came: {message}, after {revisions}")
            if not message["update"].get("bookmark"):
                revisions.append(int(message["update"]["revision"]))
                seen.extend(one["event_id"] for one in message["update"].get("events", []))

    async def write() -> None:
        for number, one in enumerate(sent):
            if number in (events // 3, 2 * events // 3):
                await phases.reach(name, number * 3 // events)
            await done(testee, "track", client="r", single=True, events=[one], timeout_ms=60_000)

    await asyncio.gather(read(), write())
    begin = int(first.get("revision", 0))  # absent for 0
    if revisions != list(range(begin + 1, begin + 1 + len(revisions))):
        raise Refused(f"revisions after {begin} are {revisions}")
    if seen != [one["event_id"] for one in sent]:
        raise Refused(f"events are not what was sent, in its order: {seen}")
    await done(testee, "stream_close", stream="r")
    await done(testee, "close", client="r")


async def tls(testee: Testee, address: str, key: str, certificates: Certificates, *, mutual: bool) -> None:
    """Calls a server with TLS: whoever has the right certificates gets through, and everybody else UNAVAILABLE."""
    root = {"root_certificates": certificates.authority.certificate.read_text()}
    ours = _pair(certificates.client.certificate.read_text(), certificates.client.key.read_text())
    foreign = _pair(certificates.stranger.certificate.read_text(), certificates.stranger.key.read_text())
    ways: dict[str, tuple[dict[str, Any], bool]] = {
        "with the authority": (root, not mutual),
        "with the authority and a certificate": ({**root, **ours}, True),
        "with a certificate of another authority": ({**root, **foreign}, not mutual),
        "with another authority": ({"root_certificates": certificates.stranger.certificate.read_text()}, False),
        "in plaintext": ({"insecure": True}, False),
    }
    for number, (way, (options, works)) in enumerate(ways.items()):
        client = f"tls-{mutual}-{number}"
        await done(testee, "open", client=client, addresses=[address], key=key, **options)
        asking: dict[str, Any] = {"client": client, "method": OVERVIEW, "request": {"time_range": period()}}
        if works:
            await done(testee, "call", **asking)
        elif (error := await failed(testee, "call", **asking))["code"] not in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
            raise Refused(f"{way} the error is {error}")
        await done(testee, "close", client=client)


def tls_settings(certificates: Certificates, *, mutual: bool) -> dict[str, Any]:
    """Returns the settings of a server with these certificates."""
    names = {"tls_certificate": certificates.server.certificate, "tls_key": certificates.server.key}
    return {**names, "tls_client_ca": certificates.authority.certificate} if mutual else names


def _pair(certificate: str, key: str) -> dict[str, str]:
    return {"certificate_chain": certificate, "private_key": key}


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
