"""The cases, and how one is run with a testee: commands in turn, each reply held against what is expected."""

import asyncio
import dataclasses
import json
import pathlib
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from clients.conformance.scripted_server import Script, ScriptedServer
from tests.conformance.expecting import differences
from tests.conformance.languages import Language, Testee
from tests.support.serving import uuid7
from tests.support.waiting import PATIENCE

FOLDER = pathlib.Path(__file__).parents[2] / "clients" / "conformance" / "cases"
# Commands of the driver itself.
_OWN = ("await", "until_attempts", "until_events", "until_idle", "pause")
_NAMED = ("client", "tracker", "stream")
_AT_ONCE = 12


@dataclass(frozen=True, kw_only=True)
class Case:
    """A case as it is written; cases.schema.json says what it may hold."""

    name: str
    kind: str
    data: dict[str, Any]

    @property
    def steps(self) -> list[tuple[dict[str, Any], Any]]:
        """Returns the commands, each with what is expected of it: None where nothing is said."""
        expect = self.data.get("expect", [])
        commands = self.data["do"]
        return list(zip(commands, [*expect, *[None] * (len(commands) - len(expect))], strict=True))


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where a case's clients go: the address, the keys by client, and the script for behaviour cases."""

    address: str
    keys: dict[str, str]
    script: Script | None = None
    nobody: str = ""


@dataclass(kw_only=True)
class Outcome:
    """What became of a case in one language; without problems it has passed."""

    case: Case
    language: str
    problems: list[str] = dataclasses.field(default_factory=list)
    exchange: list[str] = dataclasses.field(default_factory=list)
    unsupported: str = ""
    seconds: float = 0.0

    def report(self) -> str:
        """Returns what went wrong, and the whole exchange."""
        lines = [f"{self.case.kind} case {self.case.name} in {self.language}: {self.case.data['about']}"]
        lines += [f"  ✗ {problem}" for problem in self.problems]
        return "\n".join([*lines, *[f"    {line}" for line in self.exchange]])


def load(kind: str) -> list[Case]:
    """Returns the cases of a kind, "contract" or "behaviour", by the order of files and within them."""
    found = []
    for path in sorted((FOLDER / kind).glob("*.json")):
        found += [Case(name=one["name"], kind=kind, data=one) for one in json.loads(path.read_text(encoding="utf-8"))]
    return found


async def run_behaviour(
    cases: list[Case], testee: Testee, server: ScriptedServer, *, at_once: int = _AT_ONCE
) -> dict[str, Outcome]:
    """Runs some cases at a time against scripts; returns the outcomes by name."""
    places = asyncio.Semaphore(at_once)

    async def one(case: Case) -> Outcome:
        key = f"case-{uuid.uuid4().hex[:8]}-{case.name}"
        async with (
            places,
            server.script(key, _long(case.data.get("script", [])), foreign=case.data.get("foreign", 0)) as script,
            server.script(f"{key}-nobody", []) as nobody,
        ):
            nobody.relay.refuse(float("inf"))
            where = Server(address=script.relay.address, keys={"": key}, script=script, nobody=nobody.relay.address)
            return await _Run(case, testee, where).run()

    return {outcome.case.name: outcome for outcome in await asyncio.gather(*map(one, cases))}


async def run_contract(
    cases: list[Case], testee: Testee, server: Any, *, at_once: int = _AT_ONCE
) -> dict[str, Outcome]:
    """Runs some cases at a time against a real server; `server` makes an organization with keys for each."""
    places = asyncio.Semaphore(at_once)

    async def one(case: Case) -> Outcome:
        async with places:
            return await _Run(case, testee, await server(case.data.get("organization", {}))).run()

    return {outcome.case.name: outcome for outcome in await asyncio.gather(*map(one, cases))}


class _Run:
    """One case on its way."""

    def __init__(self, case: Case, testee: Testee, server: Server) -> None:
        self._case = case
        self._testee = testee
        self._server = server
        self._outcome = Outcome(case=case, language=testee.language.name)
        self._prefix = f"{case.name}-{uuid.uuid4().hex[:6]}/"
        self._ids: dict[str, str] = {}
        self._saved: dict[str, Any] = {}
        # With all six digits: JSON leaves out zeros at the end.
        self._now = datetime.now(UTC).replace(microsecond=123_457)
        self._began = time.monotonic()
        self._running: dict[str, tuple[int, asyncio.Task[dict[str, Any]]]] = {}
        self._open: dict[tuple[str, str], None] = {}
        self._opened: set[tuple[str, str]] = set()

    async def run(self) -> Outcome:
        """Does the commands of the case, checks what the server saw, and closes what is open."""
        outcome = self._outcome
        try:
            async with asyncio.timeout(PATIENCE):
                for number, (command, expected) in enumerate(self._case.steps, start=1):
                    await self._step(f"command {number} ({command['do']})", command, expected)
                    if outcome.problems or outcome.unsupported:
                        break  # what follows stands on it
                else:
                    outcome.problems += self._problems_at_server()
        except TimeoutError:
            outcome.problems.append(f"nothing more came within {PATIENCE:.0f} seconds")
        except RuntimeError as error:
            outcome.problems.append(str(error))
        await self._close()
        outcome.seconds = time.monotonic() - self._began
        if self._server.script is not None:
            outcome.exchange += ["the server saw:"] if self._server.script.attempts else ["the server saw nothing"]
            outcome.exchange += [_line(one.shown(self._began)) for one in self._server.script.attempts]
        allowed = self._case.data.get("may_be_unsupported_by", [])
        names = {self._testee.language.client, self._testee.language.name}
        if outcome.unsupported and names.isdisjoint(allowed) and not outcome.problems:
            outcome.problems.append(f"unsupported: {outcome.unsupported}")
        return outcome

    async def _step(self, what: str, command: dict[str, Any], expected: Any) -> None:
        if command["do"] in _OWN:
            await self._own(what, command, expected)
            return
        if command["do"] not in ("open", "tracker_open", "info") and not self._case.data.get("opens_itself"):
            await self._open_client(command)
        sent = [self._prepared(command) for _ in range(command.get("times", 1))]
        if "as" in command:
            number = self._testee.new_id()
            task = asyncio.create_task(self._ask({**sent[0], "id": number}))
            self._running[command["as"]] = (number, task)
            return
        for reply in await asyncio.gather(*map(self._ask, sent)):
            self._check(what, reply, expected, command.get("save"))

    async def _own(self, what: str, command: dict[str, Any], expected: Any) -> None:
        """Does a command that is the driver's own."""
        script = self._server.script
        match command["do"]:
            case "await":
                self._check(what, await self._running.pop(command["of"])[1], expected, command.get("save"))
            case "pause":
                await asyncio.sleep(command["ms"] / 1000)
            case "until_attempts" if script is not None:
                await script.until(lambda: len(script.attempts) >= command["count"])
            case "until_events" if script is not None:
                await script.until(lambda: sum(len(one.events) for one in script.attempts) >= command["count"])
            case "until_idle" if script is not None:
                await script.until(lambda: script.under_way == 0)

    async def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        at = time.monotonic()
        shown = {**command, "key": "…"} if command.get("key") in self._server.keys.values() else command
        self._outcome.exchange.append(f"{(at - self._began) * 1000:.0f} ms → {_line(shown)}")
        reply = await self._testee.ask(command)
        self._outcome.exchange.append(f"{(time.monotonic() - self._began) * 1000:.0f} ms ← {_line(reply)}")
        opens = {"open": "client", "tracker_open": "tracker", "stream_open": "stream"}.get(command["do"])
        if opens and "ok" in reply:
            self._open[opens, command[opens]] = None
        for key in self._server.keys.values():
            if key and key in json.dumps(reply):
                self._outcome.problems.append("the reply has the API key in it")
        return reply

    def _check(self, what: str, reply: dict[str, Any], expected: Any, save: dict[str, str] | None) -> None:
        if "unsupported" in reply:
            self._outcome.unsupported = reply["unsupported"]
            return
        wanted = {"ok": {}} if expected is None else self._filled(expected)
        self._outcome.problems += [f"{what}: {one}" for one in differences(wanted, reply)]
        for name, path in (save or {}).items():
            found: Any = reply
            for part in path.split("."):
                found = found[int(part)] if isinstance(found, list) else (found or {}).get(part)
            self._saved[name] = found

    async def _open_client(self, command: dict[str, Any]) -> None:
        """Opens the client or the tracker of a command at its first use, with the key of its name."""
        for kind, name in (("client", command.get("client", "")), ("tracker", command.get("tracker"))):
            wants = "tracker" in command if kind == "tracker" else command["do"] in _OF_CLIENTS
            if wants and (kind, self._prefix + name) not in self._opened:
                opening = {"do": "open" if kind == "client" else "tracker_open", kind: name}
                self._check(f"opening {kind} {name!r}", await self._ask(self._prepared(opening)), None, None)

    def _prepared(self, command: dict[str, Any]) -> dict[str, Any]:
        """Returns a command as the testee takes it: names of its own, addresses, keys, and placeholders filled in."""
        made: dict[str, Any] = self._filled({k: v for k, v in command.items() if k not in ("as", "times", "save")})
        if made["do"] in _OF_CLIENTS or made["do"] == "open":
            made.setdefault("client", "")
        name = made.get("client", made.get("tracker", ""))
        for kind in _NAMED:
            if kind in made:
                made[kind] = self._prefix + made[kind]
        if made["do"] in ("open", "tracker_open"):
            made.setdefault("addresses", [self._server.address])
            made.setdefault("key", self._server.keys.get(name) or self._server.keys[""])
            kind = "client" if made["do"] == "open" else "tracker"
            self._opened.add((kind, made[kind]))
        if made["do"] in ("close", "tracker_close", "stream_close"):
            kind = {"close": "client", "tracker_close": "tracker", "stream_close": "stream"}[made["do"]]
            self._open.pop((kind, made[kind]), None)
        if made["do"] == "cancel":
            made["of"] = self._running[made["of"]][0]
        return made

    async def _close(self) -> None:
        """Closes streams, trackers and clients; each must close without an error, also after a failure."""
        try:
            async with asyncio.timeout(PATIENCE):
                for kind in ("stream", "tracker", "client"):
                    for one in [name for of, name in self._open if of == kind]:
                        command: dict[str, Any] = {"do": "close" if kind == "client" else f"{kind}_close", kind: one}
                        if kind == "tracker":
                            command["timeout_ms"] = 0
                        reply = await self._ask(command)
                        if "ok" not in reply and not self._outcome.unsupported and not self._outcome.problems:
                            self._outcome.problems.append(f"closing {kind}: {reply}")
                for _, task in self._running.values():
                    await task
        except (TimeoutError, RuntimeError) as error:
            self._outcome.problems.append(f"closing did not end: {error}")

    def _filled(self, value: Any) -> Any:
        """Returns a value in which placeholders are filled in: {id}, {id:NAME}, {now}, {now+SECONDS}, {saved:NAME} …"""
        if isinstance(value, dict):
            if "$events" in value:
                return [self._filled(value["$of"]) for _ in range(value["$events"])]
            return {name: self._filled(one) for name, one in value.items()}
        if isinstance(value, list):
            filled = [self._filled(one) for one in value]
            # A made list in a list of events takes its place among them.
            return [item for one in filled for item in (one if isinstance(one, list) and _made(value) else [one])]
        if isinstance(value, str) and (whole := re.fullmatch(r"\{saved:(\w+)\}", value)):
            return self._saved[whole[1]]
        return _PLACE.sub(self._place, value) if isinstance(value, str) else value

    def _place(self, found: re.Match[str]) -> str:
        match found[1]:
            case "id":
                return self._ids.setdefault(found[3], uuid7()) if found[3] else uuid7()
            case "saved":
                return str(self._saved[found[3]])
            case "now":
                at = self._now + timedelta(seconds=float(found[2] or 0))
                return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
            case "x":
                return "x" * int(found[3])
            case "key":
                return self._server.keys[""]
            case "address":
                return self._server.address
        return self._server.nobody

    def _problems_at_server(self) -> Iterator[str]:
        """Yields what is wrong with the attempts that the scripted server saw."""
        script = self._server.script
        if script is None:
            return
        data, attempts = self._case.data, script.attempts
        if "attempts" in data:
            yield from differences(data["attempts"], len(attempts), "the number of attempts")
        if "connections" in data:
            yield from differences(data["connections"], script.relay.connections, "the number of connections")
        for number, least in enumerate(data.get("least_gaps_ms", []), start=1):
            gap = (attempts[number].at - attempts[number - 1].at) * 1000 if number < len(attempts) else 0.0
            if gap < least:
                yield f"attempt {number + 1} came {gap:.0f} ms after the one before, not {least} or later"
        agent = re.compile(rf"^tallywire-{self._testee.language.client}/{re.escape(self._testee.info['version'])}\b")
        for one in attempts:
            if not agent.search(one.user_agent):
                yield f"the user agent is {one.user_agent!r}, not {agent.pattern}"
        yield from self._problems_of_calls(data.get("calls", {}), script)

    def _problems_of_calls(self, calls: dict[str, Any], script: Script) -> Iterator[str]:
        attempts = script.attempts
        ids = [[event.event_id for event in one.events] for one in attempts]
        if calls.get("same_ids") and any(one != ids[0] or not one for one in ids):
            yield f"the ids differ between attempts: {ids}"
        if "ids" in calls:
            yield from differences(self._filled(calls["ids"]), ids, "the ids of each attempt")
        if "sizes" in calls:
            yield from differences(calls["sizes"], list(map(len, ids)), "the number of events of each attempt")
        if calls.get("new_sent_at"):
            sent = [one.request.sent_at.ToNanoseconds() for one in attempts]
            if not all(sent) or sorted(set(sent)) != sent:
                yield f"sent_at is not new in each attempt: {sent}"
        for one in attempts if "longest_timeout_ms" in calls else ():
            if one.timeout_ms is None or one.timeout_ms > calls["longest_timeout_ms"] + 1000:
                yield f"an attempt has {one.timeout_ms} ms, not at most {calls['longest_timeout_ms']}"
        if "most_under_way" in calls:
            yield from differences(calls["most_under_way"], script.most_under_way, "the most calls under way")
        if "under_way_after" in calls:
            begin, most = calls["under_way_after"]
            later = max((one.under_way for one in attempts[begin:]), default=0)
            if later > most:
                yield f"after attempt {begin} up to {later} calls were under way, not at most {most}"
        if "requests" in calls:
            shown = [one.shown(0.0)["request"] for one in attempts]
            yield from differences(self._filled(calls["requests"]), shown, "the requests")


def _long(value: Any) -> Any:
    """Returns the steps of a script in which {x:N} is a text of that length; they know no other placeholder."""
    if isinstance(value, dict):
        return {name: _long(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_long(one) for one in value]
    return re.sub(r"\{x:(\d+)\}", lambda found: "x" * int(found[1]), value) if isinstance(value, str) else value


_PLACE = re.compile(r"\{(id|saved|now|x|key|address|nobody)([+-][\d.]+)?(?::(\w+))?\}")
_OF_CLIENTS = ("describe", "call", "pages", "track", "stream_open", "close")


def _made(values: list[Any]) -> bool:
    return any(isinstance(one, dict) and "$events" in one for one in values)


def _line(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 2_000 else f"{text[:2_000]}… ({len(text):,} characters)"


def table(outcomes: dict[str, dict[str, Outcome]], languages: list[Language]) -> str:
    """Returns a table of cases by languages; `outcomes` are by language and case."""
    names = [language.name for language in languages if language.name in outcomes]
    cases = list(dict.fromkeys(name for of in outcomes.values() for name in of))
    width = max(map(len, cases), default=4)
    lines = [f"{'case':{width}}  " + "  ".join(names)]
    for case in cases:
        marks = []
        for name in names:
            outcome = outcomes[name].get(case)
            mark = "·" if outcome is None else "FAIL" if outcome.problems else "n/a" if outcome.unsupported else "ok"
            marks.append(f"{mark:{len(name)}}")
        lines.append(f"{case:{width}}  " + "  ".join(marks))
    return "\n".join(lines)
