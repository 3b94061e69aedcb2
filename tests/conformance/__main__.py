"""Runs cases with one client or all: python -m tests.conformance --language go --case bare_cancelled.

Prints a table of cases by languages and, for each case that fails, the exchange with the testee and what the scripted
server saw. With --servers, --soak, --throughput or --hosts it runs these instead, against a real server. Exit status
1 if anything has failed.
"""

import argparse
import asyncio
import contextlib
import os
import pathlib
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable

import tests.conftest  # noqa: F401 - sets up the process for gRPC and engines before either is imported
from clients.conformance.scripted_server import ScriptedServer
from tests.conformance import cases, endurance, hosts, journeys, languages, real_server, server_process
from tests.support import certificates, serving

os.environ.setdefault("TALLYWIRE_ALL_CLIENTS", "1")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--language", action="append", help="only this client; several times for several")
    parser.add_argument("--case", action="append", help="only cases whose names hold this; several times for several")
    parser.add_argument("--kind", choices=("behaviour", "contract"), help="only the cases of this kind")
    parser.add_argument("--report", type=pathlib.Path, help="write the exchanges of all cases to this file")
    parser.add_argument("--list", action="store_true", help="list the cases, and what they are about")
    parser.add_argument("--servers", action="store_true", help="many calls at once, restarts, TLS and mutual TLS")
    parser.add_argument("--soak", type=float, nargs="?", const=60.0, metavar="SECONDS", help="track through restarts")
    parser.add_argument(
        "--throughput", type=float, nargs="?", const=8.0, metavar="SECONDS", help="send as much as there is room for"
    )
    parser.add_argument(
        "--hosts",
        type=float,
        nargs="?",
        const=8.0,
        metavar="SECONDS",
        help="servers with middleware, service away or not",
    )
    parser.add_argument("--build", action="store_true", help="build the testees, and run nothing")
    parser.add_argument("--no-build", action="store_true", help="the testees are built already")
    return parser.parse_args()


def _chosen(arguments: argparse.Namespace) -> list[cases.Case]:
    kinds = [arguments.kind] if arguments.kind else ["behaviour", "contract"]
    return [
        case
        for kind in kinds
        for case in cases.load(kind)
        if not arguments.case or any(part in case.name for part in arguments.case)
    ]


async def _outcomes(
    language: languages.Language, chosen: list[cases.Case], scripted: ScriptedServer, real: real_server.Alone | None
) -> dict[str, cases.Outcome]:
    found: dict[str, cases.Outcome] = {}
    async with _testee(language) as testee:
        behaviour = [case for case in chosen if case.kind == "behaviour"]
        found |= await cases.run_behaviour(behaviour, testee, scripted)
        if real is not None:
            contract = [case for case in chosen if case.kind == "contract"]
            found |= await cases.run_contract(contract, testee, real.make_server)
    return found


@contextlib.asynccontextmanager
async def _testee(language: languages.Language) -> AsyncIterator[languages.Testee]:
    """Runs a testee for the length of the block; what it has written to stderr comes last."""
    with tempfile.TemporaryDirectory() as logs:
        async with languages.Testee(language, pathlib.Path(logs)) as testee:
            yield testee
            if said := testee.stderr():
                print(f"stderr of {language.name}:\n{said}", file=sys.stderr)


async def _ready(arguments: argparse.Namespace) -> tuple[list[languages.Language], int]:
    """Returns the languages that were asked for, built, and how many do not build. Others lack a toolchain."""
    wanted = [one for one in languages.all_of_them() if not arguments.language or one.name in arguments.language]
    found, broken = [], 0
    if arguments.throughput:
        wanted = [one.for_measuring() for one in wanted]
    for language in wanted:
        if missing := language.missing():
            print(f"{language.name} is left out: not on PATH: {', '.join(missing)}", file=sys.stderr)
            continue
        try:
            if not arguments.no_build:
                await language.make()
            found.append(language)
            if arguments.build:
                print(f"{language.name} is built")
        except languages.BuildFailed as failed:
            print(failed, file=sys.stderr)
            broken += 1
    return found, broken


async def _run(arguments: argparse.Namespace) -> int:
    chosen = _chosen(arguments)
    if arguments.list:
        print("\n".join(f"{case.kind:9} {case.name:35} {case.data['about']}" for case in chosen))
        return 0
    ready, broken = await _ready(arguments)
    if arguments.build:
        return 1 if broken or (len(ready) < len(languages.all_of_them()) and not arguments.language) else 0
    if not ready or not chosen:
        print("no client or no case of such a name can be run", file=sys.stderr)
        return 1
    if arguments.hosts:
        async with real_server.alone() as real:
            return await _hosts(arguments, ready, real) or min(broken, 1)
    if arguments.servers or arguments.soak or arguments.throughput:
        async with real_server.alone() as real:
            return await _against_real(arguments, ready, real) or min(broken, 1)
    found: dict[str, dict[str, cases.Outcome]] = {}
    async with contextlib.AsyncExitStack() as stack:
        scripted = ScriptedServer()
        await scripted.start()
        stack.push_async_callback(scripted.stop)
        needs_real = any(case.kind == "contract" for case in chosen)
        real_or_none = await stack.enter_async_context(real_server.alone()) if needs_real else None
        for language in ready:
            found[language.name] = await _outcomes(language, chosen, scripted, real_or_none)
    return _print(arguments, found, ready) or min(broken, 1)


async def _against_real(arguments: argparse.Namespace, ready: list[languages.Language], real: real_server.Alone) -> int:
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        async with contextlib.AsyncExitStack() as stack:
            testees = [await stack.enter_async_context(_testee(language)) for language in ready]
            if arguments.servers:
                for testee in testees:
                    wrong += await _servers(testee, real, folder)
                keys = {testee.language.name: (await real.make_tenant()).key for testee in testees}
                async with server_process.started(real.settings, folder) as server:
                    resumed = await journeys.resume_across_restarts(testees, server, keys)
                print("\n".join(f"{name}: restarts: {problem or 'ok'}" for name, problem in resumed.items()))
                wrong += [f"{name}: restarts: {problem}" for name, problem in resumed.items() if problem]
            keys = {testee.language.name: (await real.make_tenant()).key for testee in testees}
            if arguments.soak:
                async with (
                    server_process.started(real.settings, folder) as one,
                    server_process.started(real.settings, folder) as other,
                ):
                    wrong += await endurance.soak(testees, (one, other), keys, arguments.soak, print)
            keys = {testee.language.name: (await real.make_tenant()).key for testee in testees}
            if arguments.throughput:
                async with server_process.started(real.settings, folder) as server:
                    wrong += await endurance.throughput(testees, server, keys, arguments.throughput, print)
    print("\n".join([f"✗ {one}" for one in wrong]) or "nothing is wrong")
    return 1 if wrong else 0


async def _hosts(arguments: argparse.Namespace, ready: list[languages.Language], real: real_server.Alone) -> int:
    wanted = hosts.with_hosts(ready)
    if not arguments.no_build:
        await hosts.build(wanted)
    keys = {language.name: (await real.make_tenant()).key for language in wanted}
    with tempfile.TemporaryDirectory() as folder:
        async with server_process.started(real.settings, pathlib.Path(folder)) as server:
            wrong = await hosts.hosts(wanted, server.address, keys, arguments.hosts, print)
    print("\n".join([f"✗ {one}" for one in wrong]) or "nothing is wrong")
    return 1 if wrong else 0


async def _servers(testee: languages.Testee, real: real_server.Alone, folder: pathlib.Path) -> list[str]:
    """Runs the journeys of a testee that tests/conformance/test_conformance_servers.py runs, too."""
    wrong: list[str] = []

    async def tried(what: str, journey: Awaitable[None]) -> None:
        try:
            await journey
            print(f"{testee.language.name}: {what}: ok")
        except (journeys.Refused, TimeoutError, RuntimeError) as error:
            wrong.append(f"{what}: {error!r}")

    key = (await real.make_tenant()).key
    await tried("many calls at once", journeys.many_calls_at_once(testee, real.address, key))
    made = folder / f"certificates-{testee.language.name}"
    made.mkdir()
    certified = certificates.make(made)
    for mutual in (False, True):
        async with serving.running(real.settings, **journeys.tls_settings(certified, mutual=mutual)) as running:
            address = running.address.replace("127.0.0.1", "localhost")
            await tried("TLS", journeys.tls(testee, address, key, certified, mutual=mutual))
    return wrong


def _print(
    arguments: argparse.Namespace, found: dict[str, dict[str, cases.Outcome]], wanted: list[languages.Language]
) -> int:
    outcomes = [outcome for of in found.values() for outcome in of.values()]
    failed = [outcome for outcome in outcomes if outcome.problems]
    for outcome in failed:
        print(outcome.report(), end="\n\n")
    print(cases.table(found, wanted))
    print(f"{len(outcomes) - len(failed)} passed or not applicable, {len(failed)} failed")
    if arguments.report:
        arguments.report.write_text("\n\n".join(outcome.report() for outcome in outcomes), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_run(_arguments())))
