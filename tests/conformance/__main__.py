"""Runs cases with one client or all: python -m tests.conformance --language go --case bare_cancelled.

Prints a table of cases by languages and, for each case that fails, the exchange with the testee and what the scripted
server saw. Exit status 1 if a case has failed.
"""

import argparse
import asyncio
import contextlib
import pathlib
import sys
import tempfile

import tests.conftest  # noqa: F401 - sets up the process for gRPC and engines before either is imported
from clients.conformance.scripted_server import ScriptedServer
from tests.conformance import cases, languages, real_server


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--language", action="append", help="only this client; several times for several")
    parser.add_argument("--case", action="append", help="only cases whose names hold this; several times for several")
    parser.add_argument("--kind", choices=("behaviour", "contract"), help="only the cases of this kind")
    parser.add_argument("--report", type=pathlib.Path, help="write the exchanges of all cases to this file")
    parser.add_argument("--list", action="store_true", help="list the cases, and what they are about")
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
    language: languages.Language,
    chosen: list[cases.Case],
    scripted: ScriptedServer,
    real: real_server.MakeServer | None,
) -> dict[str, cases.Outcome]:
    found: dict[str, cases.Outcome] = {}
    with tempfile.TemporaryDirectory() as logs:
        async with languages.Testee(language, pathlib.Path(logs)) as testee:
            behaviour = [case for case in chosen if case.kind == "behaviour"]
            found |= await cases.run_behaviour(behaviour, testee, scripted)
            if real is not None:
                found |= await cases.run_contract([case for case in chosen if case.kind == "contract"], testee, real)
            if said := testee.stderr():
                print(f"stderr of {language.name}:\n{said}", file=sys.stderr)
    return found


async def _run(arguments: argparse.Namespace) -> int:
    chosen = _chosen(arguments)
    if arguments.list:
        print("\n".join(f"{case.kind:9} {case.name:35} {case.data['about']}" for case in chosen))
        return 0
    wanted = [one for one in languages.all_of_them() if not arguments.language or one.name in arguments.language]
    if not wanted or not chosen:
        print("no client or no case has such a name", file=sys.stderr)
        return 2
    found: dict[str, dict[str, cases.Outcome]] = {}
    async with contextlib.AsyncExitStack() as stack:
        scripted = ScriptedServer()
        await scripted.start()
        stack.push_async_callback(scripted.stop)
        needs_real = any(case.kind == "contract" for case in chosen)
        real = await stack.enter_async_context(real_server.alone()) if needs_real else None
        for language in wanted:
            if missing := language.missing():
                print(f"{language.name} is left out: {', '.join(missing)} is not on PATH", file=sys.stderr)
                continue
            try:
                if not arguments.no_build:
                    await language.make()
            except languages.BuildFailed as failed:
                print(failed, file=sys.stderr)
                return 1
            found[language.name] = await _outcomes(language, chosen, scripted, real)
    return _print(arguments, found, wanted)


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
