"""The doctor finds troubles that are planted on real engines, says what to do, and survives what it meets."""

import asyncio
import contextlib
import dataclasses
import json
import pathlib
import re
import threading
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest
import redis.asyncio
from pydantic import SecretStr

from server import kinds
from server.cli.doctor import check, doctor, page
from server.cli.doctor.check import Check, Finding, Subject, Verdict
from server.cli.place import Place
from server.local import embedded
from server.settings import Settings
from server.store import projections, vitals
from server.store.database import Database
from server.store.isolation import EVERY
from server.tasks import schedules
from server.tasks.kinds import Kind, Result, Work
from server.tasks.runner import Runner
from server.tenancy import api_keys
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Scope
from tests.support import certificates, citus, own_tasks, processes, receivers, worlds

PEPPER = "the pepper of a patient of the doctor"
EARLIER = "an earlier pepper that was long enough"
KINDS = kinds.known()


@pytest.fixture
async def patient(own_database: Database, own_engines: embedded.Engines, tmp_path: pathlib.Path) -> Subject:
    """A deployment of the test's own, of which nothing runs."""
    known = Settings(data_dir=tmp_path, key_pepper=SecretStr(PEPPER))
    at = Place(
        database_url=own_database.url,
        redis_url=own_engines.redis_url,
        key_pepper=PEPPER,
        web_origin="http://127.0.0.1:8080",
        listen="127.0.0.1:1",
    )
    return Subject(settings=known, place=at, opened=own_database, now=lambda: datetime.now(UTC))


async def look(subject: Subject, *names: str) -> Mapping[str, Finding]:
    """Returns the findings of the named checks, with what they need, or of all."""
    wanted = [one for one in doctor.CHECKS if not names or one.name in {*names, "database", "schema", "redis"}]
    return {one.check.name: one.finding for one in await check.examine(wanted, subject, seconds=60)}


async def found(subject: Subject, name: str, verdict: Verdict = Verdict.OK) -> Finding:
    """Returns the finding of a check, which is of a verdict and has a remedy where there is something to do."""
    finding = (await look(subject, name))[name]
    assert finding.verdict is verdict, finding
    assert bool(finding.remedy) == (verdict in (Verdict.WARN, Verdict.FAIL))
    return finding


def changed(subject: Subject, **settings: object) -> Subject:
    return dataclasses.replace(subject, settings=subject.settings.model_copy(update=settings))


async def test_a_deployment_in_order_has_nothing_that_fails(patient: Subject, own_database: Database) -> None:
    await schedules.refresh(own_database, KINDS)
    running = Runner(own_database, KINDS, "me")
    assert (claim := await running.begin(KINDS["partitions"], schedule="partitions")) is not None
    assert await running.finish(claim) is not None
    findings = await look(patient)
    assert [one.name for one in doctor.CHECKS] == list(findings)
    assert {name: one for name, one in findings.items() if one.verdict is Verdict.FAIL} == {}
    assert findings["server"].remedy.startswith("start it")
    # What the machine of the tests is like is none of the deployment.
    warned = {name for name, one in findings.items() if one.verdict is Verdict.WARN}
    assert warned <= {"server", "disk", "clocks"}, findings


async def test_a_database_that_was_never_migrated(patient: Subject, own_engines: embedded.Engines) -> None:
    empty = Database(own_engines.create_database("doctor_empty"), ingest_connections=1, other_connections=2)
    try:
        findings = await look(dataclasses.replace(patient, opened=empty))
        assert findings["schema"].verdict is Verdict.FAIL
        assert findings["schema"].remedy.startswith("`python -m server migrate`")
        assert findings["tasks"].verdict is Verdict.SKIP
        assert findings["durability"].verdict is Verdict.OK
    finally:
        await empty.close()
        own_engines.drop_database("doctor_empty")


@citus.one_node
async def test_troubles_of_postgresql(patient: Subject, own_database: Database) -> None:
    await worlds.execute(own_database, "ALTER TABLE leads DISABLE ROW LEVEL SECURITY")
    finding = await found(patient, "isolation", Verdict.FAIL)
    assert "leads" in finding.text
    assert "ENABLE ROW LEVEL SECURITY" in finding.remedy
    finding = await found(changed(patient, processes=8), "connections", Verdict.WARN)
    assert "8 server processes of 27 connections and a worker of 30" in finding.text
    assert "max_connections" in finding.remedy
    days = "SELECT tallywire_drop_partition((now() AT TIME ZONE 'UTC')::date + day) FROM generate_series(1, 9) AS day"
    await worlds.execute(own_database, days)
    assert "python -m server migrate" in (await found(patient, "partitions", Verdict.FAIL)).remedy
    async with own_database.transaction(of=EVERY) as held:
        await held.execute("SELECT FROM organizations")
        async with own_database.query(of=EVERY) as driver:
            (one,) = await vitals.long_transactions(driver, timedelta(0))
    assert (one.name, one.pid is not None) == ("tallywire", True)
    for name in ("replication", "archiving", "transactions", "vacuum"):
        await found(patient, name)


async def test_acknowledgements_that_are_not_durable(patient: Subject, own_database: Database) -> None:
    name = await worlds.value(own_database, "SELECT current_database()")
    await worlds.execute(own_database, f"ALTER DATABASE {name} SET synchronous_commit = off")
    later = Database(own_database.url, ingest_connections=1, other_connections=2)
    try:
        finding = await found(dataclasses.replace(patient, opened=later), "durability", Verdict.FAIL)
    finally:
        await later.close()
    assert "synchronous_commit = off" in finding.text
    assert "ALTER SYSTEM SET synchronous_commit = on;" in finding.remedy


async def test_work_that_waits_or_has_failed(patient: Subject, own_database: Database, own_organization: int) -> None:
    async def fail(work: Work) -> Result:
        raise RuntimeError("a secret")

    assert "no worker has run" in (await found(patient, "workers", Verdict.FAIL)).text
    await worlds.store(own_database, own_organization, worlds.events(1, 20))
    await worlds.execute(own_database, f"UPDATE deltas SET created_at = {worlds.moved('created_at', '-2 hours')}")
    assert "python -m workers" in (await found(patient, "folding", Verdict.WARN)).remedy
    await worlds.execute(own_database, f"UPDATE deltas SET created_at = {worlds.moved('created_at', '-2 days')}")
    await found(patient, "folding", Verdict.FAIL)
    planted = own_tasks.OwnTasks(own_database)
    await planted.queue(Kind(name="bad", help="", run=fail, tries=1))
    await worlds.execute(own_database, "UPDATE tasks SET run_at = run_at - interval '1 hour'")
    assert "due and not begun: bad for 1 h" in (await found(patient, "tasks", Verdict.WARN)).text
    await worlds.execute(own_database, "UPDATE tasks SET state = 'dead', ended_at = now()")
    finding = await found(patient, "tasks", Verdict.WARN)
    assert finding.text == "dead: 1 of bad"
    assert "tasks list --state dead" in finding.remedy
    await worlds.project(own_database, own_organization)
    async with own_database.transaction(of=EVERY) as driver:
        await projections.stop(driver, own_organization, "users", 1, "ValueError")
    assert "projections list" in (await found(patient, "projections", Verdict.FAIL)).remedy


async def test_schedules_that_nobody_runs(patient: Subject, own_database: Database) -> None:
    await schedules.refresh(own_database, KINDS)
    await worlds.execute(own_database, "UPDATE schedules SET next_run_at = now() - interval '20 minutes'")
    assert "due for 20 min" in (await found(patient, "workers", Verdict.FAIL)).text
    await worlds.execute(
        own_database,
        "UPDATE schedules SET started_at = now() - interval '3 days', finished_at = now() - interval '3 days'"
        " WHERE name = 'event_retention'",
    )
    assert "schedules run" in (await found(patient, "retention", Verdict.WARN)).remedy
    await worlds.execute(own_database, "UPDATE schedules SET paused = true WHERE name = 'audit'")
    assert (await found(patient, "schedules", Verdict.WARN)).text == "paused: audit"
    mismatches = '{"mismatches": 7, "cursor": null}'
    await worlds.execute(own_database, f"UPDATE schedules SET result = '{mismatches}' WHERE name = 'audit'")
    finding = await found(patient, "audit", Verdict.FAIL)
    assert "7 figures differ" in finding.text
    assert "audit --now" in finding.remedy


async def test_keys_and_peppers(patient: Subject, own_database: Database, own_organization: int) -> None:
    soon = datetime.now(UTC) + timedelta(days=3, hours=1)
    hashes = KeyedHashes(EARLIER)
    await api_keys.create_key(own_database, hashes, "acme", name="reader", scopes=[Scope.READ], expires_at=soon)
    finding = await found(patient, "keys", Verdict.WARN)
    assert "the key 'reader' of acme ends in 3 d" in finding.text
    finding = await found(patient, "pepper", Verdict.FAIL)
    assert "1 keys are of a pepper that is not set here" in finding.text
    assert PEPPER not in finding.text + finding.remedy
    accepted = changed(patient, key_peppers_accepted=SecretStr(EARLIER))
    await found(accepted, "pepper", Verdict.WARN)
    await worlds.execute(own_database, "UPDATE deployment SET pseudonym_check = '\\x00'")
    assert "TALLYWIRE_PSEUDONYM_KEY" in (await found(accepted, "pepper", Verdict.FAIL)).remedy


async def test_clocks_that_are_apart(patient: Subject) -> None:
    ahead = dataclasses.replace(patient, now=lambda: datetime.now(UTC) + timedelta(minutes=10))
    finding = await found(ahead, "clocks", Verdict.FAIL)
    assert re.search(r"PostgreSQL is (9 min \d+|10 min 0) s behind this machine, Redis is", finding.text)
    assert "NTP" in finding.remedy


async def test_redis_that_is_away_or_forgets(patient: Subject) -> None:
    nowhere = dataclasses.replace(patient.place, redis_url="redis://:hidden@127.0.0.1:1")
    findings = await look(dataclasses.replace(patient, place=nowhere), "redis memory")
    assert findings["redis"].verdict is Verdict.FAIL
    assert "hidden" not in str(findings)
    assert findings["redis memory"].verdict is Verdict.SKIP
    async with _redis_policy(patient.place.redis_url or "", "allkeys-lru"):
        assert "volatile-ttl" in (await found(patient, "redis memory", Verdict.WARN)).remedy
    await found(patient, "redis memory")


async def test_a_certificate_that_ends_soon(patient: Subject, tmp_path: pathlib.Path) -> None:
    certificate = certificates.make(tmp_path).server.certificate
    secured = changed(patient, tls_certificate=certificate)
    assert "renew" in (await found(secured, "certificate", Verdict.WARN)).remedy
    late = dataclasses.replace(secured, now=lambda: datetime.now(UTC) + timedelta(days=900))
    assert "ended" in (await found(late, "certificate", Verdict.FAIL)).text


async def test_files_and_mail_that_nobody_takes(patient: Subject, tmp_path: pathlib.Path) -> None:
    (tmp_path / "a file").write_text("")
    wrong = changed(patient, reports_store=SecretStr((tmp_path / "a file" / "reports").as_uri()))
    assert "TALLYWIRE_REPORTS_STORE" in (await found(wrong, "reports store", Verdict.FAIL)).remedy
    await found(patient, "reports store")
    (tmp_path / "reports").mkdir()
    await found(patient, "reports store")
    assert list((tmp_path / "reports").rglob("*.txt")) == []
    closed = changed(patient, smtp=SecretStr("smtp://127.0.0.1:1?from=reports@example.org"))
    assert "TALLYWIRE_SMTP" in (await found(closed, "mail", Verdict.FAIL)).remedy
    async with receivers.mail_box() as box:
        await found(changed(patient, smtp=SecretStr(f"smtp://127.0.0.1:{box.port}?from=reports@example.org")), "mail")
        assert box.mails == []


async def test_settings_that_contradict_each_other(patient: Subject) -> None:
    own = {"key_pepper": SecretStr(PEPPER), "key_peppers_accepted": SecretStr(PEPPER)}
    odd = changed(patient, max_queries=4, burst_events=7, metrics_port=50051, **own)
    finding = await found(odd, "settings", Verdict.WARN)
    for name in ("QUERIES_PER_ORGANIZATION=32", "QUERY_CONNECTIONS=8", "BURST_EVENTS", "METRICS_PORT", "ACCEPTED"):
        assert f"TALLYWIRE_{name}" in finding.text or name in finding.text
    assert PEPPER not in finding.text
    bad = changed(patient, smtp=SecretStr("smtp://u:hidden@"))
    finding = await found(bad, "settings", Verdict.FAIL)
    assert "TALLYWIRE_SMTP" in finding.text
    assert "hidden" not in finding.text


async def test_checks_that_fail_or_hang_do_not_stop_the_others(patient: Subject) -> None:
    never = threading.Event()

    async def hang(subject: Subject) -> Finding:
        return await check.in_thread(lambda: check.ok(str(never.wait())))

    async def burst(subject: Subject) -> Finding:
        raise ZeroDivisionError("a secret")

    async def fine(subject: Subject) -> Finding:
        await asyncio.sleep(0)
        return check.ok("fine")

    looks = {"hang": hang, "burst": burst, "fine": fine}
    checks = [Check(name=name, about="", page="docs/api.md", look=look) for name, look in looks.items()]
    checks.append(Check(name="behind", about="", page="", look=fine, needs=("hang",)))
    examined = await check.examine(checks, patient, seconds=0.2)
    never.set()
    verdicts = {one.check.name: one.finding.verdict for one in examined}
    assert verdicts == {"hang": Verdict.FAIL, "burst": Verdict.WARN, "fine": Verdict.OK, "behind": Verdict.SKIP}
    text = page.as_text(examined)
    assert "WARN  burst   could not be looked at (ZeroDivisionError) -> see docs/api.md" in text
    assert "secret" not in text
    assert text.endswith("1 OK, 1 WARN, 1 FAIL, 1 SKIP")
    assert (page.exit_code(examined), page.exit_code([one for one in examined if one.check.name != "hang"])) == (1, 0)


def test_the_command(own_url: str, own_engines: embedded.Engines, tmp_path: pathlib.Path) -> None:
    variables = {"DATABASE_URL": own_url, "REDIS_URL": own_engines.redis_url, "TALLYWIRE_KEY_PEPPER": PEPPER}
    environment = processes.environment(tmp_path, **variables)
    shown = processes.invoke("doctor", environment=environment)
    lines = shown.stdout.splitlines()
    assert shown.returncode == 1  # no worker has run
    assert len(lines) == len(doctor.CHECKS) + 2
    assert any(
        line.startswith("FAIL  workers ") and " -> start a worker (`python -m workers`)" in line for line in lines
    )
    password = own_url.partition("://")[2].partition(":")[2].partition("@")[0]
    asked = processes.invoke("doctor", "--json", environment=environment)
    told = json.loads(asked.stdout)
    assert [one["check"] for one in told["checks"]] == [one.name for one in doctor.CHECKS]
    assert told["exit_code"] == asked.returncode == 1
    for secret in (PEPPER, password):
        assert secret not in shown.stdout + shown.stderr + asked.stdout
    nowhere = processes.invoke("doctor", environment=processes.environment(tmp_path))
    assert nowhere.returncode == 1
    assert "FAIL  database " in nowhere.stdout
    broken = processes.invoke("doctor", environment={**environment, "TALLYWIRE_MAX_QUERIES": "many"})
    assert broken.stdout.startswith("FAIL  settings ")
    assert processes.invoke("doctor", "--nonsense", environment=environment).returncode == 2


@contextlib.asynccontextmanager
async def _redis_policy(url: str, policy: str) -> AsyncIterator[None]:
    """Has the tests' own Redis follow another policy for the length of the block."""
    client = redis.asyncio.Redis.from_url(url)
    before = (await client.config_get("maxmemory-policy"))["maxmemory-policy"]
    await client.config_set("maxmemory-policy", policy)
    try:
        yield
    finally:
        await client.config_set("maxmemory-policy", before)
        await client.aclose()
