"""Checks of what is around the database: settings, Redis, clocks, disks, the server of this machine, mail and files."""

import contextlib
import os
import platform
import shutil
import urllib.parse
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Final

import redis
import redis.asyncio
from cryptography import x509

from server import errors, redis_pools, settings
from server.cli import health
from server.cli.doctor import contradictions
from server.cli.doctor.check import Check, Finding, Subject, fail, in_thread, ok, skip, warn
from server.cli.status import span
from server.delivery import setup
from server.delivery.mail import NotTaken
from server.organizations.reports import RunAttempt
from server.reports.object_store import ObjectStore
from server.store import diagnosis, vitals
from server.store.isolation import EVERY

_SKEW: Final = timedelta(seconds=1)
_LARGE_SKEW: Final = timedelta(seconds=30)
_REDIS_SECONDS: Final = 3.0
_GIB: Final = 2**30
_SOON: Final = timedelta(days=21)
_SETTINGS: Final = "docs/operations/settings.md"
_DEPLOY: Final = "docs/operations/deploy.md"


async def _settings(subject: Subject) -> Finding:
    found = contradictions.found(subject.settings)
    return warn("; ".join(found), f"change them: {_SETTINGS}") if found else ok("nothing contradicts itself")


async def _version(subject: Subject) -> Finding:
    server, client = _installed("tallywire-server"), _installed("tallywire")
    text = f"tallywire-server {server}, tallywire {client}, Python {platform.python_version()}"
    if server != client:
        return warn(f"{text}: two versions", "install both folders of one release together: README.md")
    return ok(text)


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


async def _clocks(subject: Subject) -> Finding:
    others = {"PostgreSQL": await _database_skew(subject)}
    if subject.place.redis_url is not None:
        with contextlib.suppress(redis.RedisError, OSError, ValueError):  # which is the finding of another check
            others["Redis"] = await _redis_skew(subject.place.redis_url, subject.now)
    off = {name: skew for name, skew in others.items() if abs(skew) > _SKEW}
    if not off:
        return ok(f"this machine agrees with {' and '.join(others)}")
    where = {name: "ahead of" if skew > _SKEW else "behind" for name, skew in off.items()}
    text = ", ".join(f"{name} is {span(abs(skew))} {where[name]} this machine" for name, skew in off.items())
    remedy = "let all machines follow one NTP server (`timedatectl`, `chronyc tracking`)"
    if any(abs(skew) > _LARGE_SKEW for skew in off.values()):
        return fail(text, remedy)
    return warn(text, remedy)


async def _database_skew(subject: Subject) -> timedelta:
    async with subject.database.query(of=EVERY) as driver:
        await vitals.now(driver)  # so that the next one takes no time to be planned
        before = subject.now()
        return _apart(await vitals.now(driver), before, subject.now())


async def _redis_skew(url: str, now: Callable[[], datetime]) -> timedelta:
    client = _client(url)
    try:
        await client.ping()
        before = now()
        seconds, micros = await client.time()
        at = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micros)
        return _apart(at, before, now())
    finally:
        await client.aclose()


def _apart(at: datetime, before: datetime, after: datetime) -> timedelta:
    """Returns by how much a clock is off for sure, whenever between the two instants it was read."""
    return at - after if at > after else min(timedelta(0), at - before)


def _client(url: str) -> redis.asyncio.Redis:
    pool = redis_pools.pool(url, socket_timeout=_REDIS_SECONDS, socket_connect_timeout=_REDIS_SECONDS)
    return redis.asyncio.Redis.from_pool(pool)


async def _redis(subject: Subject) -> Finding:
    url = subject.place.redis_url
    if url is None:
        return fail("REDIS_URL is not set, and servers and workers do not start without", f"set it: {_SETTINGS}")
    try:
        await diagnosis.check_redis(url)
    except errors.SetupError as error:
        return fail(f"{error}; everything goes on without, less promptly", "start Redis again; nothing else to repair")
    return ok("answers")


async def _redis_memory(subject: Subject) -> Finding:
    client = _client(subject.place.redis_url or "")
    try:
        found = await client.info("memory")
        evicted = int((await client.info("stats")).get("evicted_keys", 0))
    except redis.exceptions.NoPermissionError:
        return skip("the user of REDIS_URL may not ask INFO")
    finally:
        await client.aclose()
    most, used = int(found.get("maxmemory", 0)), int(found.get("used_memory", 0))
    policy = str(found.get("maxmemory_policy", "noeviction"))
    if policy.startswith("allkeys"):
        return warn(
            f"maxmemory-policy {policy} lets Redis drop wake-ups and rates of organizations",
            f"`CONFIG SET maxmemory-policy volatile-ttl`, and in its configuration: {_DEPLOY}",
        )
    if most and used > most * 9 // 10:
        return warn(f"{used / most:.0%} of maxmemory is used", "raise maxmemory; look for keys of other programs")
    if evicted and most:
        return warn(f"{evicted:,} keys had to be dropped for want of memory", "raise maxmemory")
    return ok(f"{used / 2**20:,.0f} MiB used{f' of {most / 2**20:,.0f}' if most else ''}, {policy}")


async def _disk(subject: Subject) -> Finding:
    folders = {subject.settings.data_dir.expanduser()}
    if store := _local_store(subject.settings.reports_url):
        folders.add(store)
    there = {place for place in map(_existing, folders) if place is not None}
    for place in there:
        usage = await in_thread(lambda place=place: shutil.disk_usage(place))  # type: ignore[misc]  # of this turn
        text = f"{usage.free / _GIB:,.1f} GiB are free where {place} is"
        remedy = "make room, or move TALLYWIRE_DATA_DIR or TALLYWIRE_REPORTS_STORE: docs/operations/sizing.md#disk"
        if usage.free < min(_GIB, usage.total // 50):
            return fail(text, remedy)
        if usage.free < min(10 * _GIB, usage.total // 10):
            return warn(text, remedy)
    return ok("there is room in the data folder") if there else skip("there is no data folder on this machine")


def _existing(folder: Path) -> Path | None:
    try:
        return folder if folder.exists() else None
    except OSError:
        return None


async def _server(subject: Subject) -> Finding:
    known = subject.settings.model_copy(update={"listen": subject.place.listen})
    try:
        return ok(f"{await in_thread(lambda: health.check(known))} serves")
    except errors.SetupError as error:
        if "no connection" in str(error):
            return warn(
                f"nothing serves on {known.listen}", "start it (`python -m server serve`), unless servers are elsewhere"
            )
        return fail(str(error), "the server's log says why: durability, the schema, or no database")


async def _certificate(subject: Subject) -> Finding:
    path = subject.settings.tls_certificate
    if path is None:
        return ok("TLS is off") if settings.is_loopback(subject.settings.listen) else skip("TLS is off")
    try:
        chain = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        return fail(f"{path} cannot be used: {type(error).__name__}", "set TALLYWIRE_TLS_CERTIFICATE to a PEM file")
    left = min(one.not_valid_after_utc for one in chain) - subject.now()
    remedy = "renew it; servers read the file again by themselves"
    if left < timedelta(0):
        return fail(f"the certificate in {path} ended {span(-left)} ago", remedy)
    if max(one.not_valid_before_utc for one in chain) > subject.now():
        return fail(f"the certificate in {path} is not valid yet", "look at the clock, or take another certificate")
    if left < _SOON:
        return warn(f"the certificate in {path} ends in {span(left)}", remedy)
    return ok(f"valid for {left.days} days")


async def _reports(subject: Subject) -> Finding:
    folder = _local_store(subject.settings.reports_url)
    if folder is not None and not await in_thread(folder.exists):
        return await in_thread(lambda: _yet_to_be_made(folder))
    store = ObjectStore(subject.settings.reports_url)
    of = RunAttempt(organization_id=0, run_id=0, attempt=0)
    try:
        key = await store.put(str(uuid.uuid4()), of, "doctor.txt", b"A file of `python -m server doctor`.\n")
        await store.delete([key])
    except errors.Refused as refusal:
        return skip(str(refusal))
    except (errors.FilesUnavailable, OSError) as error:
        return fail(
            f"files of reports cannot be stored: {error}", "look at TALLYWIRE_REPORTS_STORE and its credentials"
        )
    return ok(f"{store.place} takes files")


def _local_store(url: str) -> Path | None:
    parts = urllib.parse.urlsplit(url)
    return Path(urllib.parse.unquote(parts.path)) if parts.scheme == "file" else None


def _yet_to_be_made(folder: Path) -> Finding:
    """Returns whether the folder can be made, which is left to the first report."""
    above = next(one for one in folder.parents if one.exists())
    if above.is_dir() and os.access(above, os.W_OK):
        return ok(f"{folder} is made with the first report")
    return fail(f"{folder} is not there and cannot be made", "make it, or set TALLYWIRE_REPORTS_STORE: docs/reports.md")


async def _mail(subject: Subject) -> Finding:
    server = setup.mail_server(subject.settings)
    if server is None:
        return skip("TALLYWIRE_SMTP is not set: no mail is sent")
    try:
        await server.greet()
    except NotTaken as error:
        return fail(f"{server.host}:{server.port}: {error}", "look at TALLYWIRE_SMTP: docs/delivery.md#for-operators")
    return ok(f"{server.host}:{server.port} lets us in")


CHECKS: Final = (
    Check(
        name="settings",
        about="settings can be used, and do not contradict each other",
        page=_SETTINGS,
        look=_settings,
    ),
    Check(
        name="version",
        about="server and client are of one release",
        page="docs/operations/upgrade.md",
        look=_version,
    ),
    Check(
        name="clocks",
        about="the clocks of this machine, PostgreSQL and Redis are less than a second apart",
        page="docs/operations/troubleshooting.md",
        look=_clocks,
        needs=("database",),
    ),
    Check(
        name="redis",
        about="Redis answers at REDIS_URL",
        page="docs/operations/troubleshooting.md",
        look=_redis,
    ),
    Check(
        name="redis memory",
        about="Redis has room, and does not drop what it was given no time limit for",
        page=_DEPLOY,
        look=_redis_memory,
        needs=("redis",),
    ),
    Check(
        name="disk",
        about="there is room for the data folder and for files of reports, where these are on this machine",
        page="docs/operations/sizing.md#disk",
        look=_disk,
    ),
    Check(
        name="server",
        about="the gRPC server on this machine serves",
        page="docs/operations/monitoring.md#health",
        look=_server,
    ),
    Check(
        name="certificate",
        about="the TLS certificate is valid for three more weeks",
        page="docs/operations/security.md#transport",
        look=_certificate,
    ),
    Check(
        name="reports store",
        about="a file can be written to where reports are kept, and removed",
        page="docs/reports.md",
        look=_reports,
    ),
    Check(
        name="mail",
        about="the mail server of TALLYWIRE_SMTP, if set, lets this machine in; no mail is sent",
        page="docs/delivery.md#for-operators",
        look=_mail,
    ),
)
