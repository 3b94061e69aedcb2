"""The commands: their help, their errors in one line, organizations and keys."""

import json
import pathlib
import re
import socket
import uuid

import pytest

from server.local import embedded
from tests.support import citus, processes

PEPPER = "p" * 32
COMMANDS = (
    "",
    "demo",
    "up",
    "serve",
    "migrate",
    "status",
    "doctor",
    "prices",
    "prices set",
    "prices list",
    "prices remove",
    "projections",
    "projections list",
    "projections rebuild",
    "projections retry",
    "pseudonyms",
    "pseudonyms forget",
    "tasks",
    "tasks list",
    "tasks show",
    "tasks retry",
    "tasks cancel",
    "tasks clear",
    "tasks run",
    "schedules",
    "schedules list",
    "schedules pause",
    "schedules resume",
    "schedules run",
    "audit",
    "audit-trail",
    "audit-trail export",
    "audit-trail list",
    "audit-trail verify",
    "recount",
    "restored",
    "health",
    "organizations",
    "organizations create",
    "organizations list",
    "organizations suspend",
    "organizations resume",
    "organizations revoke",
    "organizations set",
    "organizations delete",
    "organizations restore",
    "organizations receipt",
    "keys",
    "keys create",
    "keys list",
    "keys revoke",
    "sessions",
    "sessions list",
    "sessions revoke",
    "operators",
    "operators create",
    "operators list",
    "operators revoke",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def empty_url(engines: embedded.Engines) -> str:
    """A database that was never migrated."""
    return engines.create_database(f"empty_{uuid.uuid4().hex[:8]}")


@pytest.fixture(scope="module")
def migrated(engines: embedded.Engines, home: pathlib.Path) -> dict[str, str]:
    """The environment of an operator with a migrated database."""
    url = engines.create_database(f"cli_{uuid.uuid4().hex[:8]}")
    variables = {"DATABASE_URL": url, "REDIS_URL": engines.redis_url, "TALLYWIRE_KEY_PEPPER": PEPPER}
    environment = processes.environment(home, **variables)
    for _ in range(2):  # the second time there is nothing to do
        done = processes.invoke("migrate", environment=environment)
        assert (done.returncode, done.stderr) == (0, "")
        assert re.fullmatch(r"the database has the schema \w+\n", done.stdout)
    return environment


@pytest.mark.parametrize("command", COMMANDS)
def test_help(home: pathlib.Path, command: str) -> None:
    shown = processes.invoke(*command.split(), "--help", environment=processes.environment(home))
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"Usage: python -m server {command}".rstrip())
    assert shown.stdout.splitlines()[2].strip()
    # What the list of commands shows is whole.
    assert "..." not in shown.stdout.replace("[ARGS]...", "")


def test_a_program_of_its_own_shows_its_help_and_refuses_wrong_usage(home: pathlib.Path) -> None:
    environment = processes.environment(home)
    assert "organizations" in processes.run("--help", environment=environment).stdout
    assert processes.run("nonsense", environment=environment).returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        "nonsense",
        "up --nonsense",
        "keys create someone",
        "keys create someone --scope everything",
        "keys create someone --scope read --expires-in soon",
        "organizations create x --event-retention-days 0",
        "organizations set x",
        "organizations set x --events-per-second 0",
        "organizations set x --events-per-second 2147483648",
        "organizations set x --burst unlimited",
        "organizations set x --monthly-events many",
        "organizations set x --weight 101",
        "organizations set x --secret-key 7",
        "demo --conversations 0",
        "serve --processes 0",
        "audit-trail verify --known 7",
        "recount",
        "recount --all --measure events",
        "recount --measure nonsense",
        "recount --measure error_rate",
    ],
)
def test_wrong_usage_is_2(home: pathlib.Path, arguments: str) -> None:
    shown = processes.invoke(*arguments.split(), environment=processes.environment(home))
    assert shown.returncode == 2
    assert "Error: " in shown.stderr
    assert "Traceback" not in shown.stderr


def with_database(place: str) -> dict[str, str]:
    return {"DATABASE_URL": f"postgresql://user:{SECRET}@{place}"}


SECRET = "s3cret-s3cret"
REDIS = {"REDIS_URL": "redis://127.0.0.1:1/0"}
KEY_PEPPER = {"TALLYWIRE_KEY_PEPPER": PEPPER}
WRONG_SETTINGS = (
    ("organizations list", {}, r"DATABASE_URL is not set and nothing runs in .*/\.tallywire: start it with"),
    ("keys list x --data-dir /nowhere/at/all", {}, r"nothing runs in /nowhere/at/all: start it with"),
    ("migrate", {"DATABASE_URL": "nonsense"}, r"DATABASE_URL is not a URL: it looks like postgresql://"),
    ("migrate", {"DATABASE_URL": f"mysql://u:{SECRET}@h/d"}, r"DATABASE_URL is of mysql, not of PostgreSQL"),
    ("migrate", with_database("127.0.0.1:port/d"), r"DATABASE_URL is not a URL"),
    ("migrate", with_database("127.0.0.1/"), r"DATABASE_URL names no database"),
    ("migrate", {"DATABASE_URL": f"postgresql://u:12/{SECRET}@h/d"}, r"DATABASE_URL has / \? or # in its user or pass"),
    ("migrate", with_database("127.0.0.1/d?gssencmode=require"), r"asks for gssencmode=require, which this service"),
    ("migrate", with_database("127.0.0.1/d?channel_binding=require"), r"write channel_binding=disable"),
    ("migrate", with_database("127.0.0.1/d?sslrootcert=/none.pem"), r"names sslrootcert=/none.pem, and there is no"),
    ("migrate", with_database("127.0.0.1/d?pool_mode=session"), r"does not know: remove pool_mode"),
    ("migrate", with_database("127.0.0.1/d?sslmode=sometimes"), r"DATABASE_URL cannot be used: .*sslmode"),
    ("migrate", with_database("127.0.0.1/d?target_session_attrs=best"), r"DATABASE_URL cannot be used: target_session"),
    ("status", with_database("nowhere.invalid/d"), r"the host of nowhere\.invalid:5432 cannot be found"),
    ("status", with_database("127.0.0.1:1/d"), r"nothing listens at 127\.0\.0\.1:1: start PostgreSQL"),
    ("serve", with_database("localhost:1/d") | REDIS, r"TALLYWIRE_KEY_PEPPER is not set"),
    ("serve", {}, r"DATABASE_URL is not set"),
    ("serve", with_database("127.0.0.1:1/d"), r"REDIS_URL is not set"),
    ("serve", with_database("127.0.0.1:1/d") | {"REDIS_URL": "nonsense"}, r"REDIS_URL is not a URL of Redis"),
    ("serve", {"TALLYWIRE_KEY_PEPPER": "short"}, r"TALLYWIRE_KEY_PEPPER: must have at least 32 characters"),
    ("serve", {"TALLYWIRE_LISTEN": "0.0.0.0:50051"}, r"not a loopback address and TLS is off"),
    (
        "serve --processes 2",
        with_database("127.0.0.1:1/d") | REDIS | KEY_PEPPER,
        r"nothing listens at 127\.0\.0\.1:1: st",
    ),
    ("up", with_database("127.0.0.1:1/d"), r"DATABASE_URL is set and REDIS_URL is not: set both, or neither"),
    ("up", REDIS, r"REDIS_URL is set and DATABASE_URL is not: set both, or neither"),
    ("up", with_database("127.0.0.1:1/d") | REDIS, r"nothing listens at 127\.0\.0\.1:1: start PostgreSQL"),
    ("up --listen 127.0.0.1", {}, r"TALLYWIRE_LISTEN=127\.0\.0\.1 is not"),
    ("up --data-dir /dev/null", {}, r"/dev/null is a file: choose another folder with --data-dir"),
    ("health", {"TALLYWIRE_LISTEN": "127.0.0.1:1"}, r"the server on 127\.0\.0\.1:1 is not healthy: no connection"),
)


@pytest.mark.parametrize(("arguments", "variables", "message"), WRONG_SETTINGS)
def test_wrong_settings_are_one_line(
    home: pathlib.Path, arguments: str, variables: dict[str, str], message: str
) -> None:
    listen = {"TALLYWIRE_LISTEN": f"127.0.0.1:{processes.free_port()}"}
    run = processes.run if arguments.split()[0] in ("serve", "up", "health") else processes.invoke
    done = run(*arguments.split(), environment=processes.environment(home, **(listen | variables)))
    assert re.search(message, processes.error(done))
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["demo", "up"])
def test_a_home_that_cannot_be_written_to(command: str) -> None:
    # Not even root makes folders there.
    done = processes.run(command, environment=processes.environment(pathlib.Path("/dev/fd")))
    assert re.search(r"/dev/fd/.tallywire.* cannot be used: .*; choose another .* --data-dir", processes.error(done))


@citus.one_node
def test_a_wrong_password(home: pathlib.Path, empty_url: str) -> None:
    wrong = re.sub(r"//(\w+):[^@]+@", rf"//\1:{SECRET}@", empty_url)
    done = processes.invoke("status", environment=processes.environment(home, DATABASE_URL=wrong))
    assert re.match(r"PostgreSQL at \S+ refuses the password of 'tallywire'", processes.error(done))
    assert SECRET not in done.stderr


@citus.one_node
def test_a_database_that_does_not_exist(home: pathlib.Path, empty_url: str) -> None:
    wrong = empty_url.rpartition("/")[0] + "/elsewhere"
    done = processes.invoke("status", environment=processes.environment(home, DATABASE_URL=wrong))
    assert processes.error(done).startswith("there is no database 'elsewhere' at 127.0.0.1:")


@pytest.mark.parametrize("arguments", ["organizations list", "keys list someone", "status", "serve"])
def test_a_database_that_is_not_migrated(
    home: pathlib.Path, engines: embedded.Engines, empty_url: str, arguments: str
) -> None:
    variables = {
        "REDIS_URL": engines.redis_url,
        "TALLYWIRE_KEY_PEPPER": PEPPER,
        "TALLYWIRE_LISTEN": "127.0.0.1:0",
    }
    environment = processes.environment(home, DATABASE_URL=empty_url, **variables)
    run = processes.run if arguments == "serve" else processes.invoke
    done = run(*arguments.split(), environment=environment)
    assert processes.error(done) == "the database has no schema yet: run `python -m server migrate`"


def test_serve_on_a_port_that_is_taken(migrated: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        done = processes.run("serve", environment={**migrated, "TALLYWIRE_LISTEN": listen})
    assert re.match(rf"port {listen.partition(':')[2]} .* choose another with TALLYWIRE_LISTEN", processes.error(done))


@citus.one_node
def test_organizations(migrated: dict[str, str]) -> None:
    def organizations(*arguments: str) -> str:
        done = processes.invoke("organizations", *arguments, environment=migrated)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    options = ("--time-zone", "asia/kathmandu", "--event-retention-days", "30", "--storage-rate-micros", "7", "--json")
    made = json.loads(organizations("create", "Acme", *options))
    assert made["name"] == "Acme"
    assert made["time_zone"] == "Asia/Kathmandu"
    assert (made["event_retention_days"], made["key_retention_days"]) == (30, None)
    assert (made["storage_rate_micros"], made["bandwidth_rate_micros"]) == (7, None)
    assert json.loads(organizations("list", "--json")) == [{**made, "events_of_month": 0, "bi_login": None}]
    for command, state in (("suspend", "suspended"), ("resume", "active"), ("revoke", "revoked")):
        assert organizations(command, "Acme") == f"organization 'Acme' is {state}\n"
        assert re.search(rf"\bAcme +{state} +Asia/Kathmandu +30 days +for ever\b", organizations("list"))

    def refused(*arguments: str) -> str:
        return processes.error(processes.invoke("organizations", *arguments, environment=migrated))

    assert refused("resume", "Acme") == "there is no organization named 'Acme' that is not revoked"
    assert re.match(r"organization 'Acme', with the id \d+, is deleted after 20", organizations("delete", "Acme"))
    assert re.search(r"\bAcme +deleting +Asia/Kathmandu\b", organizations("list"))
    told = json.loads(organizations("receipt", "Acme", "--json"))
    assert (told["organization_id"], told["deleted_at"]) == (made["organization_id"], None)
    assert "not deleted yet; its grace ends at 20" in organizations("receipt", "Acme")
    assert refused("suspend", "Acme") == "the organization 'Acme' is to be deleted: take that back first"
    assert organizations("restore", "Acme") == "organization 'Acme' is revoked\n"  # as it was before
    assert refused("restore", "Acme") == "the organization 'Acme' is not to be deleted"
    assert "there is no organization named 'Acme'" in refused("receipt", "Acme")
    assert refused("create", "Acme") == "there is an organization named 'Acme' already"
    assert "'Mars/Olympus'" in refused("create", "Other", "--time-zone", "Mars/Olympus")


def test_the_audit_trail(migrated: dict[str, str]) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        done = processes.invoke(*arguments, environment={**migrated, "TALLYWIRE_OPERATOR": "ada"})
        assert done.returncode == code
        return done.stdout

    run("organizations", "create", "Audited")
    run("organizations", "set", "Audited", "--weight", "7")
    run("schedules", "pause", "nothing", code=1)
    shown = json.loads(run("audit-trail", "list", "Audited", "--json"))
    assert [(one["number"], one["action"], one["actor"]["id"]) for one in shown] == [
        (2, "organization.settings_changed", "ada"),
        (1, "organization.created", "ada"),
    ]
    assert (shown[0]["before"], shown[0]["after"]) == ({"weight": 1}, {"weight": 7})
    (line,) = run("audit-trail", "list", "Audited", "--action", "organization.s").splitlines()[1:]
    assert "operator ada" in line
    assert "Audited" not in run("audit-trail", "list")  # which is that of the service
    exported = [json.loads(one) for one in run("audit-trail", "export", "Audited").splitlines()]
    assert [(one["number"], one["hash"], one["hashed"]) for one in reversed(exported)] == [
        (one["number"], one["hash"], one["hashed"]) for one in shown
    ]
    last = f"2:{shown[0]['hash']}"
    assert run("audit-trail", "verify", "Audited", "--known", last) == f"2 entries; the last one is {last}\n"
    run("audit-trail", "verify", "Audited", "--known", f"2:{'0' * 64}", code=3)


def test_keys_that_name_secrets_of_an_organization(migrated: dict[str, str]) -> None:
    def organizations(*arguments: str) -> str:
        done = processes.invoke("organizations", *arguments, environment=migrated)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    made = json.loads(organizations("create", "Secretive", "--secret-key", "badge", "--json"))
    assert made["secret_keys"] == ["badge"]
    assert "secret keys shoe size, hat\n" in organizations(
        "set", "Secretive", "--secret-key", "shoe size", "--secret-key", "hat"
    )
    assert json.loads(organizations("set", "Secretive", "--secret-key", "default", "--json"))["secret_keys"] == []


def test_limits_of_an_organization(migrated: dict[str, str]) -> None:
    def change(*arguments: str) -> str:
        done = processes.invoke("organizations", "set", "Limited", *arguments, environment=migrated)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert processes.invoke("organizations", "create", "Limited", environment=migrated).returncode == 0
    reported = change("--events-per-second", "2000", "--burst", "5000", "--weight", "3")
    assert reported == (
        "organization 'Limited': events per second 2,000 (up to 5,000 at once), per month default, weight 3\n"
    )
    made = json.loads(change("--monthly-events", "1000000", "--json"))
    assert (made["events_per_second"], made["burst_events"], made["monthly_events"]) == (2000, 5000, 1_000_000)
    listed = processes.invoke("organizations", "list", environment=migrated).stdout
    assert re.search(r"\bLimited +active +UTC .* 2,000 +1,000,000 +0 +3 ", listed)
    reported = change("--events-per-second", "unlimited", "--burst", "default", "--monthly-events", "default")
    assert reported == "organization 'Limited': events per second unlimited, per month default, weight 3\n"
    unknown = processes.invoke("organizations", "set", "Nobody", "--weight", "2", environment=migrated)
    assert processes.error(unknown).startswith("there is no organization named 'Nobody'")


def test_operators_keys(migrated: dict[str, str]) -> None:
    made = processes.run("operators", "create", "deployer", "--network", "10.0.0.0/8", environment=migrated)
    assert made.returncode == 0
    assert re.fullmatch(r"two_[a-z2-7]{16}_[A-Za-z0-9_-]{43}\n", made.stdout), "alone on standard output"
    key_id = made.stdout.split("_")[1]
    assert key_id in made.stderr
    assert made.stdout.strip() not in made.stderr
    ending = json.loads(
        processes.invoke("operators", "create", "later", "--expires-in", "90d", "--json", environment=migrated).stdout
    )
    listed = processes.invoke("operators", "list", "--json", environment=migrated).stdout
    assert [(one["key_id"], one["name"], one["state"], one["networks"]) for one in json.loads(listed)] == [
        (key_id, "deployer", "active", ["10.0.0.0/8"]),
        (ending["key_id"], "later", "active", []),
    ]
    assert made.stdout.split("_")[2].strip() not in listed
    revoked = processes.invoke("operators", "revoke", key_id, environment=migrated).stdout
    assert revoked == f"operator's key {key_id} is revoked\n"
    table = processes.invoke("operators", "list", environment=migrated).stdout
    assert re.search(rf"{key_id} +deployer +10.0.0.0/8 +revoked +never\b", table)
    unknown = processes.invoke("operators", "revoke", "nothing", environment=migrated)
    assert processes.error(unknown) == "there is no key with the id 'nothing'"
    trail = processes.invoke("audit-trail", "list", environment=migrated).stdout
    assert trail.count("operator_key.created") == 2
    assert trail.count("operator_key.revoked") == 1


def test_keys(migrated: dict[str, str]) -> None:
    assert processes.invoke("organizations", "create", "Keys", environment=migrated).returncode == 0
    scopes = ("--scope", "ingest", "--scope", "read")
    made = processes.run("keys", "create", "Keys", *scopes, "--name", "shop", environment=migrated)
    assert made.returncode == 0
    # Alone on standard output, so that a script can take it from there.
    assert processes.SECRET.fullmatch(made.stdout.rstrip("\n"))
    key_id = made.stdout.split("_")[1]
    assert key_id in made.stderr
    assert made.stdout.strip() not in made.stderr
    other = json.loads(
        processes.invoke(
            "keys", "create", "Keys", *scopes, "--expires-in", "90d", "--json", environment=migrated
        ).stdout
    )
    assert processes.SECRET.fullmatch(other["secret"])

    listed = processes.invoke("keys", "list", "Keys", "--json", environment=migrated).stdout
    assert [(key["key_id"], key["name"], key["state"]) for key in json.loads(listed)] == [
        (key_id, "shop", "active"),
        (other["key_id"], "", "active"),
    ]
    assert [key["expires_at"] for key in json.loads(listed)] == [None, other["expires_at"]]
    assert processes.invoke("keys", "revoke", key_id, environment=migrated).stdout == f"key {key_id} is revoked\n"
    table = processes.invoke("keys", "list", "Keys", environment=migrated).stdout
    assert re.search(rf"{key_id} +shop +ingest,read +everything +revoked +never\b", table)
    assert not processes.SECRET.search(listed + table)

    unknown = processes.invoke("keys", "revoke", "nothing", environment=migrated)
    assert processes.error(unknown) == "there is no key with the id 'nothing'"
    nobody = processes.invoke("keys", "create", "Nobody", *scopes, environment=migrated)
    assert processes.error(nobody).startswith("there is no organization named 'Nobody'")
    bare = {name: value for name, value in migrated.items() if name != "TALLYWIRE_KEY_PEPPER"}
    refused = processes.invoke("keys", "create", "Keys", *scopes, environment=bare)
    assert processes.error(refused).startswith("TALLYWIRE_KEY_PEPPER is not set: set it to the servers'")
