"""The documentation says what the code says: tables are complete, and what is named exists."""

import json
import pathlib
import re
import tomllib
from typing import Any

import grpc
import prometheus_client
import pytest
import typer
from google.protobuf import descriptor_pool, json_format, message_factory

import tallywire.cli.app
import workers.__main__
from docs import generate
from server import errors, telemetry, timerange
from server.admission import admission, request_limits
from server.cli import main
from server.events import rules, spans
from server.local.embedded import binaries
from server.rpc import event_service, services, transport
from server.settings import Settings
from tallywire.v1 import error_reason_pb2, event_pb2, event_service_pb2
from tests import documentation
from tests.conformance import store
from tests.documentation import API, EVENTS, EVERYTHING, PAGES, ROOT, blocks, commands, rows, shell_lines
from tests.support import citus

SETTINGS = "docs/operations/settings.md"
DEPLOY = "docs/operations/deploy.md"
# Names in capitals that are somebody else's.
FOREIGN = {
    "SO_REUSEPORT",
    "SETTINGS_MAX_CONCURRENT_STREAMS",
    "SSL_CERT_FILE",
    "NOT_SERVING",
    "ERROR_REASON_",
    "DATABASE_URL",
    "REDIS_URL",
    "NO_COLOR",
    "OWNER_DATABASE_URL",  # a key of the chart's Secret
}


def test_generated_tables_are_fresh() -> None:
    stale = [str(page) for page, before, after in generate.refreshed() if before != after]
    assert not stale, "refresh them: .venv/bin/python docs/generate.py"


def test_every_rpc_is_there_with_its_scope() -> None:
    told = {name.strip("`"): scope for name, scope, _ in rows(API, "## RPCs")}
    known = {path.rpartition(".")[2].replace("/", "."): scope.value for path, scope in services.SCOPES.items()}
    known |= {path.rpartition(".")[2].replace("/", "."): "none" for path in services.OPEN}
    assert told == known


def test_every_setting_is_there_with_its_default() -> None:
    told = {variable.strip("`"): default for variable, default, _ in rows(SETTINGS, "# Settings")}
    assert told == {_variable(name): _default(field.default) for name, field in Settings.model_fields.items()}


def _variable(name: str) -> str:
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else f"TALLYWIRE_{name.upper()}"


def _default(value: object) -> str:
    match value:
        case None:
            return "unset"
        case bool():
            return f"`{str(value).lower()}`"
        case pathlib.Path():
            return f"`~/{value.relative_to(pathlib.Path.home())}`"
        case _:
            return f"`{value}`"


def test_names_in_capitals_exist() -> None:
    settings = {_variable(name) for name in Settings.model_fields}
    settings |= {binaries.POSTGRES_VARIABLE, binaries.VALKEY_VARIABLE, "TALLYWIRE_ADDRESS", "TALLYWIRE_API_KEY"}
    settings.add(citus.VARIABLE)
    settings.add(store.VARIABLE)
    reasons = {one.removeprefix("ERROR_REASON_") for one in error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name}
    warnings = {one.removeprefix("EVENT_WARNING_") for one in event_service_pb2.EventWarning.DESCRIPTOR.values_by_name}
    enums = {value for enum in event_pb2.DESCRIPTOR.enum_types_by_name.values() for value in enum.values_by_name}
    known = settings | reasons | warnings | enums | {code.name for code in grpc.StatusCode} | FOREIGN
    named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)*_[A-Z]*\b", EVERYTHING))
    # What SDKs of OpenTelemetry and tools of a cloud read is theirs.
    assert {name for name in named - known if not name.startswith(("OTEL_", "AWS_"))} == set()


def test_every_status_has_its_row_in_the_retry_table() -> None:
    told = {code for row in rows(API, "## Retries") for code in re.findall(r"`([A-Z_]+)`", row[0])}
    assert told <= {code.name for code in grpc.StatusCode}
    assert {reason.status.name for reason in errors.Reason} | {"OK", "CANCELLED", "UNKNOWN"} <= told


def test_limits_are_those_of_the_code() -> None:
    told = {row[0]: row[1] for row in rows(API, "## Limits")}
    options: dict[str, Any] = dict(transport.OPTIONS)
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    expected = {
        "A message": f"{options['grpc.max_receive_message_length'] // 2**20} MiB",
        "A batch": f"{rules.MAX_BATCH_EVENTS:,} events",
        "An event": f"{rules.MAX_EVENT_BYTES // 1024} KiB",
        "Any other request; what a batch holds beside its events": f"{request_limits.MAX_QUESTION_BYTES // 1024} KiB;"
        f" {request_limits.MAX_BYTES_BESIDE_EVENTS // 1024} KiB",
        "`event_id`": f"{rules.MAX_EVENT_ID} visible",
        "`event_type`": f"{rules.MAX_EVENT_TYPE} characters",
        "Other ids, channels, names": f"{rules.MAX_ID_BYTES} bytes",
        "`properties`": f"{rules.MAX_PROPERTIES} keys, {rules.MAX_PROPERTIES_BYTES // 1024} KiB as JSON,"
        f" {rules.MAX_PROPERTIES_DEPTH} levels",
        "Age of an event": f"{rules.MAX_AGE.days} days; with `backfill` since {timerange.FLOOR:%Y-%m-%d}",
        "A sender's clock": f"more than {rules.CLOCK_TOLERANCE.seconds // 60} minutes",
        "A period": f"{timerange.MAX_DAYS:,} days",
        "A series": f"{timerange.MAX_POINTS:,} points, {request_limits.METRICS.count} metrics",
        "Unacknowledged batches of a stream": f"{event_service.MAX_UNACKED_BATCHES};",
        "Streams of an organization, per server": f"{defaults['max_streams_per_organization']} (setting)",
        "Questions at once, per server": f"{defaults['max_queries']}, of one organization"
        f" {defaults['max_queries_per_organization']} (settings)",
        "Events under way, per server": f"{defaults['max_inflight_mib']} MiB (setting), of one organization a"
        f" {('whole', 'half', 'third', 'quarter')[admission.SHARE - 1]}",
        "Calls at once, per connection": f"{options['grpc.max_concurrent_streams']}",
        "Age of a connection, and then of its calls": f"{defaults['max_connection_seconds']:g} seconds and"
        f" {defaults['connection_grace_seconds']:g} more",
        "A stream of events without a whole message": f"{defaults['max_stream_idle_seconds']:g} seconds",
        "Duration of a call, streams aside": f"{defaults['max_call_seconds']:g} seconds",
    }
    assert {name: told[name] for name, limit in expected.items() if limit not in told[name]} == {}


def test_every_attribute_of_spans_that_is_read_is_named() -> None:
    page = PAGES["docs/opentelemetry.md"]
    assert {name for name in spans.ATTRIBUTES if f"`{name}`" not in page} == set()


def test_every_family_and_event_type_is_there() -> None:
    told: dict[str, str] = {}
    for _, types, detail, _ in rows(EVENTS, "# An example event of every family"):
        prefix = ""
        for name in re.findall(r"`([\w.]+)`", types):
            prefix = prefix if name.startswith(".") else name.partition(".")[0]
            told[prefix + name if name.startswith(".") else name] = detail.strip("`")
    assert told == rules.FAMILIES


def test_every_family_has_an_example() -> None:
    (lines,) = blocks("jsonl", PAGES[EVENTS])
    events = [json_format.ParseDict(json.loads(line), event_pb2.Event()) for line in lines.splitlines()]
    families = {rules.FAMILIES.get(event.event_type, "custom") for event in events}
    assert families == {*rules.FAMILIES.values(), "custom"}


def test_paths_exist() -> None:
    named = re.findall(r"(?<![\w/~.])((?:server|workers|clients|protos|tests|docs|\.ci)/[\w./-]*)", EVERYTHING)
    assert {path for path in named if not (ROOT / path.rstrip(".")).exists()} == set()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", PAGES[page]):
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), target
        if anchor:
            assert anchor in documentation.anchors(str(path.resolve().relative_to(ROOT))), f"{target}#{anchor}"


def test_every_page_is_linked() -> None:
    linked = {
        str(((ROOT / page).parent / target).resolve().relative_to(ROOT))
        for page, text in PAGES.items()
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text)
    }
    assert set(PAGES) - linked <= {documentation.README}


@pytest.mark.parametrize(
    ("start", "application", "least"),
    [
        ("-m server", main.app, 10),
        ("-m workers", workers.__main__.app, 1),
        ("tallywire", tallywire.cli.app.application, 3),
    ],
)
def test_commands_and_their_options_exist(start: str, application: typer.Typer, least: int) -> None:
    found = list(commands(start))
    assert len(found) >= least
    every: Any = typer.main.get_command(application)
    for words in found:
        command, options = every, set()
        for word in words:
            if word in getattr(command, "commands", {}):
                command = command.commands[word]
            elif word.startswith("--"):
                options.add(word)
            else:
                assert not hasattr(command, "commands"), f"{start} has no command {word}"
        known = (name for one in command.params for name in (*one.opts, *one.secondary_opts))
        assert options <= {"--help", *known}, words


def test_every_command_is_there() -> None:
    groups: Any = typer.main.get_command(main.app)
    told = {row[0].strip("`").split()[-1]: row[1] for row in rows(DEPLOY, "## Commands") if "-m server" in row[0]}
    assert set(told) == set(groups.commands) - {"demo"}
    for group in ("organizations", "keys"):
        assert set(re.findall(r"`(\w+)`", told[group])) == set(groups.commands[group].commands)


def test_requests_of_other_tools_are_messages_of_the_contract() -> None:
    calls = [
        (json.loads(body), name)
        for line in shell_lines()
        for body, name in re.findall(r"^(?:buf curl|grpcurl) .*-d '([^']*)' \S+?[/ ](tallywire\.v1\.\w+/\w+)$", line)
    ]
    assert len(calls) == sum(line.startswith(("buf curl", "grpcurl")) for line in shell_lines()) > 3
    for body, name in calls:
        service, _, method = name.partition("/")
        described = descriptor_pool.Default().FindServiceByName(service).FindMethodByName(method)
        json_format.ParseDict(body, message_factory.GetMessageClass(described.input_type)())


def test_rooms_are_those_of_the_import_contracts() -> None:
    page = PAGES["docs/design/rooms.md"]
    (picture,) = blocks("text", page)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (one["layers"] for one in contracts if one["id"] == "rooms")
    last = -1
    for layer in layers:
        places = []
        for room in re.findall(r"\((\w+)\)", layer):
            found = re.search(rf"\b{room}\b", picture)
            assert found is not None, f"the picture of docs/design/rooms.md lacks {room}"
            places.append(found.start())
        assert min(places) > last, f"{layer} stands above what is below it"
        last = max(places)
    folders = {path.parent.name for path in (ROOT / "server").glob("*/__init__.py")}
    assert folders == set(re.findall(r"^\| `server/(\w+)/` \|", page, re.MULTILINE))


def test_the_quick_start_is_two_lines() -> None:
    lines = [line for line in PAGES[documentation.README].splitlines() if re.match(r" *python3 -m venv ", line)]
    assert len(lines) == 2
    demo, tests = lines
    assert demo.removesuffix(".venv/bin/python -m server demo") == tests.removesuffix(".venv/bin/python -m pytest -n 3")
    for file in re.findall(r"-r (\S+)", demo):
        assert (ROOT / file).is_file()


def test_alerts_and_dashboard_ask_for_metrics_that_exist() -> None:
    known = set()
    for one in vars(telemetry).values():
        if isinstance(one, prometheus_client.metrics.MetricWrapperBase):
            (described,) = one.describe()
            endings = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(described.type, ("",))
            known |= {described.name + ending for ending in endings}
    operations = ROOT / "docs/operations"
    board = json.loads((operations / "dashboard.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked += re.findall(r"expr: (.*)", (operations / "alerts.yaml").read_text())
    named = set(re.findall(r"\btallywire_\w+", "\n".join(asked)))
    assert named
    assert named - known == set()


def test_what_must_be_zero_has_an_alert() -> None:
    alerts = (ROOT / "docs/operations/alerts.yaml").read_text()
    for one in vars(telemetry).values():
        if isinstance(one, prometheus_client.metrics.MetricWrapperBase):
            (described,) = one.describe()
            if "Must be 0" in described.documentation:
                assert re.search(rf"expr: .*\b{described.name}\b.* > 0", alerts), described.name
