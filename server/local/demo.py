"""`demo`: real conversations through the whole service, and the resulting figures."""

import asyncio
import contextlib
import heapq
import itertools
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import tallywire
from server import errors, settings
from server.lifecycle.stop import Stop
from server.local import chitchat, data_folder, demo_alerts, environment, mail_catcher, up
from server.local.chitchat import RecordedConversation
from server.local.up import Site
from server.organizations.settings import OrganizationSettings
from server.process import children, operators, port, preparation, terminal
from server.store import diagnosis, organizations
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import administration, api_keys
from server.tenancy.keyed_hashes import KeyedHashes
from tallywire.cli import render
from tallywire.v1 import event_pb2, event_service_pb2

ORGANIZATION = "chitchat"
TIME_ZONE = "America/Denver"  # where the conversations took place
_LISTEN = "127.0.0.1:50051"
_KEY = "chitchat.key"
_LOG = "demo.log"
_BATCH = 500
_IN_FLIGHT = 6
_TOP = 5
_METRICS = ("total_messages", "total_conversations", "unique_users", "p95_response_time_ms", "satisfaction_score")
_CHART_DAYS = 14
_SHOWN_DAYS = 28  # of the overview that the link opens: there are as many before them to compare with
# What --live plays, over and over: busy days, an hour of them in a minute, after the hours before as the last hour.
_LIVE_FROM, _LIVE_UNTIL = (
    int(datetime(2018, 5, day, hour, tzinfo=UTC).timestamp()) for day, hour in ((10, 12), (13, 0))
)
_LIVE_SPEED = 60
_LIVE_LEAD = 3600 * _LIVE_SPEED
_LIVE_TICK = 0.2  # seconds
_DUPLICATE = event_service_pb2.EVENT_STATUS_DUPLICATE
_REJECTED = event_service_pb2.EVENT_STATUS_REJECTED


@dataclass(slots=True, kw_only=True)
class ReplayTally:
    """The progress of the replay. Instants are in seconds since 1970; seconds is the duration of the replay."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    rejection: str = ""
    messages: Counter[str] = field(default_factory=Counter)  # by agent
    first: int = 2**62
    last: int = 0
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """Returns how many events have a result."""
        return self.accepted + self.duplicate + self.rejected

    def add(self, events: Sequence[event_pb2.Event], results: Sequence[event_service_pb2.EventResult]) -> None:
        """Counts events by their results."""
        for event, result in zip(events, results, strict=True):
            if result.status == _REJECTED:
                self.rejected += 1
                self.rejection = f"{event.event_id}: {result.rejection.message}"
                continue
            if result.status == _DUPLICATE:
                self.duplicate += 1
            else:
                self.accepted += 1
            if event.agent_id and event.event_type.startswith("message."):
                self.messages[event.agent_id] += 1
            self.first = min(self.first, event.occurred_at.seconds)
            self.last = max(self.last, event.occurred_at.seconds)

    def period(self) -> tuple[datetime, datetime]:
        """Returns the days on which something happened, from the first midnight to the last."""
        first, last = (datetime.fromtimestamp(instant, ZoneInfo(TIME_ZONE)) for instant in (self.first, self.last))
        return _midnight(first), _midnight(last + timedelta(days=1))


def run(data_dir: Path | None, listen: str | None, limit: int | None, *, live: bool = False) -> int:
    """Runs the demo and returns the exit code. Raises SetupError or EnginesError if it cannot run."""
    chitchat.dataset()
    ignored = environment.forget()
    os.environ["TALLYWIRE_LISTEN"] = listen or _free_listen()
    known = settings.load()
    folder = (data_dir or known.data_dir / "demo").expanduser().absolute()
    console = Console()
    if ignored:
        console.print(f"The demo has engines of its own and does not use {', '.join(ignored)}.", highlight=False)
    console.print(f"Starting PostgreSQL, Valkey, server and worker in {folder}", highlight=False, soft_wrap=True)
    try:
        with up.site(known, folder) as site, _log(folder) as report:
            return asyncio.run(_demo(console, site, report, limit, live=live))
    except tallywire.TallywireError as error:
        raise errors.SetupError(f"{error}; the log is {folder / _LOG}") from error


async def _demo(console: Console, site: Site, report: children.Report, limit: int | None, *, live: bool) -> int:
    stop = Stop()
    conversations = asyncio.create_task(asyncio.to_thread(list, chitchat.conversations(limit)))
    async with diagnosis.database(site.database_url, migrated=False) as database:
        await preparation.prepare(database)
        key = await _kept_key(database, site)
        async with (
            mail_catcher.running(site.folder, site.mail_listen),
            children.running(site.programs, report, stop.hurried) as family,
        ):
            done = False
            tally = ReplayTally()
            if await family.ready(stop.asked):
                async with tallywire.AsyncClient(site.listen, api_key=key, stamp_sent_at=False) as client:
                    has_mail = site.mail_listen is not None
                    await demo_alerts.keep(client, database, ORGANIZATION, catches_mail=has_mail)
                    if live:
                        _print_watch_command(console, site, key)
                        await _print_link(console, database, site, "/live")
                        show = asyncio.create_task(_play(console, client, await conversations, tally))
                    else:
                        show = asyncio.create_task(_show(console, client, await conversations, tally))
                    done = await family.during(show, stop.asked)
                if done and console.is_terminal:
                    await _print_link(console, database, site, f"/overview?range={_last_days(tally)}")
                    console.print("Ctrl-C stops the service.", highlight=False)
                    await family.during(asyncio.get_running_loop().create_future(), stop.asked)
    if live and stop.number == signal.SIGINT:
        # How people end it.
        terminal.note(f"everything is stopped, {tally.done:,} events are kept in {site.folder}")
        return 0
    if not done:
        terminal.note(f"interrupted: everything is stopped, {tally.done:,} events are kept in {site.folder}")
        return 128 + stop.number
    _print_next_steps(console, site, key, tally)
    if tally.rejected:
        raise errors.SetupError(f"{tally.rejected:,} events were rejected, such as {tally.rejection}")
    return 0


async def _show(
    console: Console, client: tallywire.AsyncClient, conversations: list[RecordedConversation], tally: ReplayTally
) -> None:
    """Replays the conversations and prints the service's figures."""
    with _progress(console, sum(one.event_count for one in conversations), tally):
        await replay(client, conversations, tally)
    await _print_figures(console, client, tally)
    console.print(
        f"\n[bold]{tally.done:,} events in {tally.seconds:.1f} s: {tally.done / tally.seconds:,.0f} events/s[/bold]"
        f" ({tally.accepted:,} accepted, {tally.duplicate:,} duplicate, {tally.rejected:,} rejected)",
        highlight=False,
        soft_wrap=True,
    )
    if tally.duplicate:
        console.print("Duplicates were stored by an earlier run. They are counted once, so the figures are the same.")


async def replay(
    client: tallywire.AsyncClient, conversations: Sequence[RecordedConversation], tally: ReplayTally
) -> None:
    """Sends the events of the conversations in batches, several of them at once."""
    events = itertools.chain.from_iterable(map(chitchat.events_of, conversations))
    batches = iter(lambda: list(itertools.islice(events, _BATCH)), [])

    async def send() -> None:
        for batch in batches:
            tally.add(batch, await client.track_batch(batch))

    began = time.monotonic()
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_IN_FLIGHT):
                group.create_task(send())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    tally.seconds = time.monotonic() - began


def _print_watch_command(console: Console, site: Site, key: str) -> None:
    """Prints how to watch the replay."""
    environment = f"TALLYWIRE_API_KEY={key} TALLYWIRE_ADDRESS={site.listen}"
    lines = [
        f"Playing {_LIVE_SPEED} times as fast as it happened. Look on in another terminal:\n",
        f"  {environment} {terminal.client('watch')}",
        "\nCtrl-C ends it.",
    ]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


async def _print_link(console: Console, database: Database, site: Site, page: str) -> None:
    """Prints how to look at the pages, beginning with one of them."""
    link = await up.sign_in_link(database, site, ORGANIZATION, page)
    console.print("\nThe pages, by a link that signs in once, within 10 minutes:\n", highlight=False)
    console.print(f"  {link}\n", highlight=False, markup=False, soft_wrap=True)


async def _play(
    console: Console, client: tallywire.AsyncClient, conversations: Sequence[RecordedConversation], tally: ReplayTally
) -> None:
    """Sends events as they happen again, those of the last hour at once, until it is cancelled."""
    with _counter(console, tally):
        async for batch in _due(moved(conversations, time.time())):
            tally.add(batch, await client.track_batch(batch))


async def _due(events: Iterator[event_pb2.Event]) -> AsyncIterator[list[event_pb2.Event]]:
    """Yields events in batches, each as soon as its time has come."""
    following = next(events)
    while True:
        batch: list[event_pb2.Event] = []
        while len(batch) < _BATCH and following.occurred_at.ToNanoseconds() <= time.time_ns():
            batch.append(following)
            following = next(events)
        if batch:
            yield batch
        if len(batch) < _BATCH:
            await asyncio.sleep(_LIVE_TICK)


def moved(conversations: Iterable[RecordedConversation], now: float) -> Iterator[event_pb2.Event]:
    """Yields the events as they happen again, for ever, from an hour before `now` on; each time they are new events."""
    kept = [one for one in conversations if one.messages[-1][1] >= _LIVE_FROM - _LIVE_LEAD]
    for take in itertools.count():
        first = _LIVE_FROM if take else _LIVE_FROM - _LIVE_LEAD
        begin = now + take * (_LIVE_UNTIL - _LIVE_FROM) / _LIVE_SPEED
        for event in heapq.merge(*map(chitchat.events_of, kept), key=lambda event: event.occurred_at.seconds):
            if first <= event.occurred_at.seconds < _LIVE_UNTIL:
                at = begin + (event.occurred_at.seconds - _LIVE_FROM) / _LIVE_SPEED
                yield _again(event, f"{now:.0f}.{take}", at)


def _again(event: event_pb2.Event, name: str, at: float) -> event_pb2.Event:
    """Returns the event as a new one: with new ids, at another time, and with its durations shortened by the speed."""
    event.event_id = f"{event.event_id}@{name}"
    event.conversation_id = f"{event.conversation_id}@{name}"
    event.occurred_at.FromMicroseconds(round(at * 1_000_000))
    if event.message.HasField("response_time_ms"):
        event.message.response_time_ms //= _LIVE_SPEED
    return event


@contextlib.contextmanager
def _counter(console: Console, tally: ReplayTally) -> Iterator[None]:
    """Shows how many events have been sent: in place in a terminal, else a line now and then."""
    began = time.monotonic()

    def said() -> str:
        return f"{tally.done:,} events in {time.monotonic() - began:.0f} s"

    if console.is_terminal:
        with console.status(said()) as status, _every(0.5, lambda: status.update(said())):
            yield
    else:
        with _every(10, lambda: print(f"live: {said()}", flush=True)):  # noqa: T201 - what the demo has to say
            yield


async def _print_figures(console: Console, client: tallywire.AsyncClient, tally: ReplayTally) -> None:
    """Prints the overview, the busiest agents and the daily usage of the whole period."""
    start, end = tally.period()
    days = (end.date() - start.date()).days
    render.overview(console, await client.overview(start, end, time_zone=TIME_ZONE))
    busiest = [
        await client.agent(agent_id, start, end, time_zone=TIME_ZONE, trend_days=days)
        for agent_id, _ in tally.messages.most_common(_TOP)
    ]
    render.agents(console, busiest)
    usage = await client.usage(start, end, granularity="day", metrics=_METRICS, time_zone=TIME_ZONE)
    render.usage(console, usage)
    messages = [value.integer for value in usage.series[0].values]
    peak = usage.buckets[messages.index(max(messages))].start.ToDatetime(tzinfo=UTC).astimezone(ZoneInfo(TIME_ZONE))
    first = max(start, _midnight(peak - timedelta(days=_CHART_DAYS // 2)))
    last = min(end, _midnight(first + timedelta(days=_CHART_DAYS)))
    chart = await client.usage(first, last, granularity="day", metrics=_METRICS[:1], time_zone=TIME_ZONE)
    render.usage(console, chart)


def _print_next_steps(console: Console, site: Site, key: str, tally: ReplayTally) -> None:
    """Prints how to run the service on the demo's data."""
    start, end = (instant.date().isoformat() for instant in tally.period())
    period = ("--from", start, "--to", end, "--zone", TIME_ZONE)
    top = [agent_id for agent_id, _ in tally.messages.most_common(1)]
    lines = [
        f"\nEverything is stopped; the data is kept in {site.folder}. To keep going:\n",
        f"  {terminal.python('server', 'up', '--data-dir', str(site.folder))}",
        "\nand in another terminal:\n",
        f"  export TALLYWIRE_API_KEY={key}",
        f"  {terminal.client('overview', *period)}",
        *(f"  {terminal.client('agent', agent_id, *period)}" for agent_id in top),
        f"  {terminal.client('usage', '--metric', 'total_messages', '--granularity', 'week', *period)}",
    ]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


async def _kept_key(database: Database, site: Site) -> str:
    """Returns the secret of the demo's key: of an earlier run if it is still valid, else a new one."""
    async with database.transaction(of=EVERY) as driver:
        owner = await organizations.by_name(driver, ORGANIZATION)
        known = await organizations.keys(driver, owner.organization_id) if owner else ()
    kept = data_folder.read(site.folder, _KEY)
    hashes = KeyedHashes(site.key_pepper)
    if kept and any(hashes.opens(kept, key) and key.revoked_at is None for key in known):
        return kept
    by = operators.operator()
    if owner is None:
        await administration.create_organization(
            database, ORGANIZATION, OrganizationSettings(time_zone=TIME_ZONE), by=by
        )
    made = await api_keys.create_key(database, hashes, ORGANIZATION, name="demo", scopes=up.SCOPES, by=by)
    data_folder.keep(site.folder, _KEY, made.secret)
    return made.secret


def _free_listen() -> str:
    try:
        return port.free_address(_LISTEN)
    except port.PortTaken:
        return "127.0.0.1:0"


@contextlib.contextmanager
def _log(folder: Path) -> Iterator[children.Report]:
    """Writes what the children print to a file, which is emptied first."""
    handle = os.open(folder / _LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", buffering=1) as file:
        yield lambda name, line: print(f"{name:<6} | {line}", file=file)


@contextlib.contextmanager
def _progress(console: Console, total: int, tally: ReplayTally) -> Iterator[None]:
    """Shows the progress of the replay: a bar in a terminal, else a line for every tenth."""
    if console.is_terminal:
        columns = (TextColumn("replay"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
        with Progress(*columns, console=console) as bars:
            task = bars.add_task("replay", total=total)
            with _every(0.1, lambda: bars.update(task, completed=tally.done)):
                yield
        return
    shown = 0

    def show() -> None:
        nonlocal shown
        if (tenth := 10 * tally.done // total) > shown:
            shown = tenth
            print(f"replay: {tally.done:,} of {total:,} events", flush=True)  # noqa: T201 - what the demo has to say

    with _every(0.1, show):
        yield


@contextlib.contextmanager
def _every(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Calls a function repeatedly during the block, and once at its end."""

    async def repeat() -> None:
        while True:
            act()
            await asyncio.sleep(seconds)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        act()


def _last_days(tally: ReplayTally) -> str:
    """Returns the last weeks of the replay as the pages' addresses name them: first and last day."""
    first, end = tally.period()
    last = end - timedelta(days=1)
    return f"{max(first, last - timedelta(days=_SHOWN_DAYS - 1)).date()}..{last.date()}"


def _midnight(instant: datetime) -> datetime:
    return instant.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
