"""`up`: the whole service on one machine, in the foreground, until Ctrl-C."""

import asyncio
import contextlib
import dataclasses
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from server import errors
from server.lifecycle.stop import Stop
from server.local import data_folder, embedded, mail_catcher
from server.organizations.settings import OrganizationSettings
from server.process import children, operators, port, preparation, terminal
from server.settings import Settings
from server.store import diagnosis, organizations
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import administration, api_keys, sign_ins
from server.tenancy.api_keys import NewKey
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Scope

Say = Callable[[str], None]

ORGANIZATION = "default"
SCOPES = (Scope.INGEST, Scope.READ, Scope.EVENTS, Scope.BACKFILL, Scope.EDIT)
_WEB_GRACE = 10.0  # seconds for answers under way
_SECRETS = frozenset(
    {
        "DATABASE_URL",
        "TALLYWIRE_QUERY_DATABASE_URLS",
        "REDIS_URL",
        "TALLYWIRE_KEY_PEPPER",
        "TALLYWIRE_KEY_PEPPERS_ACCEPTED",
        "TALLYWIRE_PSEUDONYM_KEY",
        "TALLYWIRE_SMTP",
        "TALLYWIRE_DELIVERY_STORES",
    }
)
_WORKER_GRACE = 15.0  # seconds for the transaction at hand; whatever is cut off is done again later


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The place of a service on this machine: its folder, its address, its engines, its pepper."""

    folder: Path
    listen: str
    database_url: str = dataclasses.field(repr=False)
    redis_url: str = dataclasses.field(repr=False)
    key_pepper: str = dataclasses.field(repr=False)
    embedded: bool  # whether the engines are ours
    drain_seconds: float
    metrics_port: int
    processes: int  # of the server
    web_listen: str
    web_origin: str
    mail_listen: str | None  # where mail is caught; None: it is sent, or there is nothing to catch it with

    @property
    def programs(self) -> list[children.Program]:
        """Returns the children, in the order in which they are stopped."""
        environment = {
            **os.environ,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "TALLYWIRE_KEY_PEPPER": self.key_pepper,
            "TALLYWIRE_LISTEN": self.listen,
            "TALLYWIRE_DATA_DIR": str(self.folder),
            "TALLYWIRE_WEB_ORIGIN": self.web_origin,  # of links in what is sent
        }
        if self.mail_listen is not None:
            environment["TALLYWIRE_SMTP"] = mail_catcher.url(self.mail_listen)
        servers = children.servers(
            self.processes, environment, drain_seconds=self.drain_seconds, metrics_port=self.metrics_port
        )
        # No two processes can have one port.
        environment["TALLYWIRE_METRICS_PORT"] = str(self.metrics_port and self.metrics_port + self.processes)
        worker = children.Program(role="worker", grace=_WORKER_GRACE, environment=environment)
        return [self._web(environment), *servers, worker]

    def _web(self, environment: Mapping[str, str]) -> children.Program:
        """Returns the program that serves pages. It gets no secrets: it needs none."""
        own = {name: value for name, value in environment.items() if name not in _SECRETS}
        own["TALLYWIRE_WEB_LISTEN"], own["TALLYWIRE_WEB_SERVICE"] = self.web_listen, ""
        own["TALLYWIRE_METRICS_PORT"] = str(self.metrics_port and self.metrics_port + self.processes + 1)
        if self.mail_listen is not None:
            own["TALLYWIRE_WEB_CAUGHT_MAIL"] = str(self.folder / mail_catcher.FOLDER)
        return children.Program(role="web", grace=_WEB_GRACE, environment=own)


def up(settings: Settings) -> None:
    """Runs the service until Ctrl-C, SIGTERM or the end of the terminal. Raises SetupError or EnginesError if it
    cannot.
    """
    with site(settings, settings.data_dir.expanduser().absolute()) as here:
        asyncio.run(_up(here))


@contextlib.contextmanager
def site(settings: Settings, folder: Path) -> Iterator[Site]:
    """Holds the folder, reserves the address and runs the engines during the block."""
    data_folder.prepare(folder)
    with contextlib.ExitStack() as stack:
        hold = stack.enter_context(data_folder.hold(folder))
        setting = "--listen or TALLYWIRE_LISTEN"
        if settings.processes == 1:
            address = port.free_address(settings.listen, setting)
        else:
            address = stack.enter_context(port.shared(settings.listen, setting))
        web_listen = _web_listen(settings)
        web_origin = (settings.web_origin or "").rstrip("/") or f"http://{web_listen}"
        database_url, redis_url = stack.enter_context(engines(settings, folder))
        pepper = settings.key_pepper.get_secret_value() if settings.key_pepper else data_folder.pepper(folder)
        here = Site(
            folder=folder,
            listen=address,
            database_url=database_url,
            redis_url=redis_url,
            key_pepper=pepper,
            embedded=settings.database_url is None,
            drain_seconds=settings.drain_seconds,
            metrics_port=settings.metrics_port,
            processes=settings.processes,
            web_listen=web_listen,
            web_origin=web_origin,
            mail_listen=_mail_listen(settings),
        )
        hold.publish(
            data_folder.RunningService(
                pid=os.getpid(),
                listen=address,
                database_url=database_url,
                redis_url=redis_url,
                key_pepper=pepper,
                web_origin=web_origin,
            )
        )
        yield here


def _mail_listen(settings: Settings) -> str | None:
    """Returns where mail is caught, if nobody has set where it is sent."""
    if settings.smtp is not None or not mail_catcher.is_installed():
        return None
    return port.free_address("127.0.0.1:0", "TALLYWIRE_SMTP")


def _web_listen(settings: Settings) -> str:
    """Returns where pages are served: a free address where nobody has chosen one and the usual one is taken."""
    setting = "TALLYWIRE_WEB_LISTEN"
    try:
        return port.free_address(settings.web_listen, setting)
    except port.PortTaken:
        if setting in {name.upper() for name in os.environ}:
            raise
        return port.free_address("127.0.0.1:0", setting)


@contextlib.contextmanager
def engines(settings: Settings, folder: Path) -> Iterator[tuple[str, str]]:
    """Yields the URLs of the database and of Redis: those that are set, or of engines that run during the block."""
    if settings.database_url is not None and settings.redis_url is not None:
        yield settings.required("database_url"), settings.required("redis_url")
        return
    if settings.database_url is not None or settings.redis_url is not None:
        one, other = ("DATABASE_URL", "REDIS_URL") if settings.database_url else ("REDIS_URL", "DATABASE_URL")
        raise errors.SetupError(f"{one} is set and {other} is not: set both, or neither for embedded engines")
    started = embedded.start(folder)
    try:
        yield started.database_url, started.redis_url
    finally:
        # The engines stop in order and fast; one more Ctrl-C would only leave them to do so unwatched.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        started.stop()


async def first_key(database: Database, pepper: str) -> NewKey | None:
    """Makes an organization and its key if there is none at all, else returns None."""
    async with database.transaction(of=EVERY) as driver:
        known = await organizations.listed(driver)
    by = operators.operator()
    if not known:
        await administration.create_organization(database, ORGANIZATION, OrganizationSettings(time_zone="UTC"), by=by)
    elif [one.name for one in known] != [ORGANIZATION]:
        return None
    owner = await administration.organization(database, ORGANIZATION)
    async with database.transaction(of=owner.organization_id) as driver:
        if await organizations.keys(driver, owner.organization_id):
            return None
    return await api_keys.create_key(database, KeyedHashes(pepper), ORGANIZATION, name="first", scopes=SCOPES, by=by)


async def _up(here: Site) -> None:
    stop = Stop()
    async with diagnosis.database(here.database_url, migrated=False) as database:
        await diagnosis.check_redis(here.redis_url)
        await preparation.prepare(database)
        async with (
            mail_catcher.running(here.folder, here.mail_listen),
            children.running(here.programs, _report, stop.hurried) as family,
        ):
            if await family.ready(stop.asked):
                data = f"its data in {here.folder}" if here.embedded else "the database of DATABASE_URL"
                say(f"tallywire serves gRPC on {here.listen}, with {data}; Ctrl-C stops it.")
                _greet(here, await first_key(database, here.key_pepper))
                await _invite(database, here)
                await family.during(asyncio.get_running_loop().create_future(), stop.asked)
            say(f"Stopping: pages, server, worker{', engines' if here.embedded else ''}. Ctrl-C again to hurry.")
    say("Stopped.")


def _greet(here: Site, key: NewKey | None) -> None:
    """Prints how to send a first event, with the key if it was just made: the secret is not kept anywhere."""
    elsewhere = () if here.folder == Path.home() / ".tallywire" else ("--data-dir", str(here.folder))
    if key is None:
        scopes = ("--scope", "ingest", "--scope", "read")
        made = terminal.python("server", "keys", "create", *elsewhere, "ORGANIZATION", *scopes)
        say(f"To make a key, in another terminal: {made}")
        return
    environment = f"TALLYWIRE_API_KEY={key.secret} TALLYWIRE_ADDRESS={here.listen}"
    say(f"\nThe API key of the organization {ORGANIZATION!r}, shown only now:\n\n  {key.secret}\n")
    say("Try it in another terminal:\n")
    say(f"  export {environment}")
    say(f"  {terminal.client('track', 'message.sent', '--agent', 'bot-1', '--set', 'response_time_ms=120')}")
    say(f"  {terminal.client('overview', '--last', '1d')}\n")


async def _invite(database: Database, here: Site) -> None:
    """Prints how to see the pages: a link where it is clear for whom, else the command that makes one."""
    async with database.transaction(of=EVERY) as driver:
        known = await organizations.listed(driver)
    link = await sign_in_link(database, here, known[0].name) if len(known) == 1 else None
    if link is None:
        made = terminal.python("server", "keys", "link", "--data-dir", str(here.folder), "ORGANIZATION")
        say(f"Pages are on {here.web_origin}. For a link that signs in, in another terminal: {made}\n")
    else:
        say(f"The pages, by a link that signs in once, within 10 minutes:\n\n  {link}\n")


async def sign_in_link(database: Database, here: Site, organization: str, page: str = "/") -> str | None:
    """Returns a link that signs in once to a page of an organization; None where no key of it may read."""
    code = await sign_ins.first_code(database, KeyedHashes(here.key_pepper), organization, operators.operator())
    return None if code is None else f"{here.web_origin}{page}#code={code.code}"


def say(text: str) -> None:
    """Writes on standard output; a terminal that has gone away is no reason to fail."""
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)  # noqa: T201 - this is what the command has to say


def _report(name: str, line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(f"{name:<6} | {line}", file=sys.stderr, flush=True)  # noqa: T201 - the same
