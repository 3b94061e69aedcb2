"""The README says what the code says: tables are made from it, names exist, and what it tells to type works.

`python -m tests.unit.test_readme` writes the tables between the markers anew.
"""

import asyncio
import os
import pathlib
import re
import shlex
import sys
from collections.abc import Iterator
from typing import Any

import grpc
import prometheus_client
import pytest
import typer

import tallywire.cli.app
import workers.__main__
from server import app, errors, telemetry, timerange
from server.admission import admission, request_limits
from server.catalog import registry
from server.cli import main
from server.events import rules
from server.local.embedded import binaries
from server.rpc import event_service, services, transport
from server.settings import Settings
from tallywire.v1 import error_reason_pb2

ROOT = pathlib.Path(__file__).parents[2]
README = ROOT / "README.md"
REFRESH = ".venv/bin/python -m tests.unit.test_readme"
TEXT = README.read_text(encoding="utf-8")


def metrics_table() -> str:
    """The catalogue, by name as ListMetrics has it."""
    everything = sorted(registry.ALL.values(), key=lambda metric: metric.name)
    rows = (f"| `{one.name}` | {one.unit} | {one.description} |" for one in everything)
    return "\n".join(("| Metric | Unit | Definition |", "|---|---|---|", *rows))


def prometheus_table() -> str:
    """The service's own metrics, in the order of their file."""
    found = [one for one in vars(telemetry).values() if isinstance(one, prometheus_client.metrics.MetricWrapperBase)]
    return "\n".join(("| Metric | Labels | Meaning |", "|---|---|---|", *map(_prometheus_row, found)))


def _prometheus_row(metric: prometheus_client.metrics.MetricWrapperBase) -> str:
    (described,) = metric.describe()
    name = described.name + ("_total" if described.type == "counter" else "")
    return f"| `{name}` | {', '.join(metric._labelnames)} | {described.documentation} |"


def refreshed(text: str) -> str:
    """The text with its generated tables as the code has them now."""
    for name, table in (("metrics", metrics_table()), ("prometheus", prometheus_table())):
        begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
        before, _, rest = text.partition(begin)
        _, marker, after = rest.partition(end)
        assert marker, f"README.md has no {begin.strip()} … {end}"
        text = f"{before}{begin}{table}\n{end}{after}"
    return text


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def shell_lines() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines()]


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table after a text."""
    _, found, after = TEXT.partition(heading)
    assert found, heading
    table = re.search(r"(?:^\|.*\n)+", after, re.MULTILINE)
    assert table is not None, heading
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]


def test_tables_are_those_of_the_code() -> None:
    assert refreshed(TEXT) == TEXT, f"README.md is behind the code; refresh it: {REFRESH}"


def test_every_rpc_is_there_with_its_scope() -> None:
    reported = {name.strip("`"): scope for name, scope, _ in rows("It is in `protos/tallywire/v1`")}
    known = {path.rpartition(".")[2].replace("/", "."): scope.value for path, scope in services.SCOPES.items()}
    assert reported == known


def test_every_setting_is_there_with_its_default() -> None:
    reported = {variable.strip("`"): default for variable, default, _ in rows("### Settings")}
    assert reported == {_variable(name): _default(field.default) for name, field in Settings.model_fields.items()}


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


def test_other_variables_exist() -> None:
    known = {_variable(name) for name in Settings.model_fields}
    known |= {binaries.POSTGRES_VARIABLE, binaries.VALKEY_VARIABLE, "TALLYWIRE_ADDRESS", "TALLYWIRE_API_KEY"}
    assert set(re.findall(r"\bTALLYWIRE_[A-Z_]+", TEXT)) <= known


def test_every_status_has_its_row_in_the_retry_table() -> None:
    reported = {code for row in rows("**Retries**") for code in re.findall(r"`([A-Z_]+)`", row[0])}
    assert reported <= {code.name for code in grpc.StatusCode}
    assert {reason.status.name for reason in errors.Reason} | {"OK", "CANCELLED", "UNKNOWN"} <= reported


def test_reasons_exist() -> None:
    named = set(re.findall(r"\(([A-Z]+_[A-Z_]+)\)", TEXT))
    assert named
    assert {f"ERROR_REASON_{one}" for one in named} <= set(error_reason_pb2.ErrorReason.keys())


def test_limits_are_those_of_the_code() -> None:
    reported = {row[0]: row[1] for row in rows("**Limits**")}
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
        "A period": f"{timerange.MAX_DAYS} days",
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
    assert {name: reported[name] for name, limit in expected.items() if limit not in reported[name]} == {}


def test_paths_exist() -> None:
    named = re.findall(r"(?<![\w/~.])((?:server|workers|clients|protos|tests|\.ci)/[\w./-]*)", TEXT)
    named += re.findall(r"\]\(([^)#]+)\)", TEXT)
    missing = {path for path in named if not (ROOT / path.rstrip(".")).exists()}
    assert not missing


def test_anchors_exist() -> None:
    headings = {
        re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)", TEXT, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= headings


def commands(start: str) -> Iterator[list[str]]:
    """The words after a command, wherever the README has it: in a block or between backticks."""
    spans = [
        *re.findall(r"(?<!`)`([^`\n]+)`(?!`)", TEXT),
        *(line for block in blocks("sh") for line in block.splitlines()),
    ]
    for span in spans:
        for found in re.finditer(rf"(?:^|[\s(/]){re.escape(start)}(?=$|[\s)])([^)|&]*)", span):
            yield shlex.split(found[1])


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
    for words in found:
        command: Any = typer.main.get_command(application)
        options = set()
        for word in words:
            if word in getattr(command, "commands", {}):
                command = command.commands[word]
            elif word.startswith("--"):
                options.add(word)
            else:
                assert not hasattr(command, "commands"), f"{start} has no command {word}"
        assert options <= {"--help", *(name for one in command.params for name in one.opts)}, words


def test_the_commands_in_tables_exist() -> None:
    groups: Any = typer.main.get_command(main.app)
    reported = {row[0].strip("`").split()[-1]: row[1] for row in rows("### Processes") if "-m server" in row[0]}
    assert set(reported) == set(groups.commands) - {"demo"}
    for group in ("organizations", "keys"):
        assert set(re.findall(r"`(\w+)`", reported[group])) == set(groups.commands[group].commands)


def test_the_quick_start_is_two_lines() -> None:
    lines = [line for line in TEXT.splitlines() if re.match(r" *python3 -m venv ", line)]
    assert len(lines) == 2
    demo, tests = lines
    assert demo.removesuffix(".venv/bin/python -m server demo") == tests.removesuffix(".venv/bin/python -m pytest")
    for file in re.findall(r"-r (\S+)", demo):
        assert (ROOT / file).is_file()


async def run(*command: str, address: str, key: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**os.environ, "TALLYWIRE_ADDRESS": address, "TALLYWIRE_API_KEY": key},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_the_example_in_python_works(server: app.Running, tenant: Any) -> None:
    example, _ = blocks("python")
    done = await run(sys.executable, "-c", example, address=server.address, key=tenant.key)
    assert done == (0, "1 820.0 1\n", "")


async def test_the_realtime_example_works(server: app.Running, tenant: Any) -> None:
    _, example = blocks("python")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-u",
        "-c",
        example,
        env={**os.environ, "TALLYWIRE_ADDRESS": server.address, "TALLYWIRE_API_KEY": tenant.key},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        assert await process.stdout.readline() == b"0 0 0 0\n"
    process.kill()
    await process.wait()


async def test_the_commands_of_the_client_work(server: app.Running, tenant: Any) -> None:
    lines = [
        line
        for block in blocks("sh")
        for line in block.splitlines()
        # Those that go on until they are ended have tests of their own.
        if line.startswith(".venv/bin/tallywire ") and line.split()[1] not in ("watch", "updates")
    ]
    assert lines
    for line in lines:
        words = shlex.split(line)[1:]
        code, out, err = await run(
            sys.executable, "-m", "tallywire.cli", *words, address=server.address, key=tenant.key
        )
        assert (code, err) == (0, ""), line
        assert out


if __name__ == "__main__":
    README.write_text(refreshed(TEXT), encoding="utf-8")
