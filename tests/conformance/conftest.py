"""What the conformance tests share: the scripted server and each language's outcomes, made once."""

import asyncio
import pathlib
from collections.abc import Sequence
from typing import Any

import pytest

from clients.conformance.scripted_server import ScriptedServer
from tests.conformance import cases, conformance, real_server
from tests.conformance.languages import BuildFailed, Language, Testee
from tests.conftest import PEPPER

_MOST_TRIED_AGAIN = 40  # a client that fails more is wrong
_LANGUAGES_AT_ONCE = 2  # on two cores; what has a deadline is late behind too many others


class Results:
    """The outcomes of all cases by language; a text instead where a testee could not be built or run."""

    def __init__(self, scripted: ScriptedServer, real: real_server.MakeServer, logs: pathlib.Path) -> None:
        self._scripted = scripted
        self._real = real
        self._logs = logs
        self._found: dict[str, dict[str, cases.Outcome] | str] = {}

    async def run(self, languages: Sequence[Language]) -> None:
        """Runs all cases, some languages at once: what they do is wait, for the most part."""
        places = asyncio.Semaphore(_LANGUAGES_AT_ONCE)

        async def in_turn(language: Language) -> dict[str, cases.Outcome] | str:
            async with places:
                return await self._run(language)

        for language in languages:
            if not language.missing():
                try:
                    await language.make()
                except BuildFailed as failed:
                    self._found[language.name] = str(failed)
        ready = [one for one in languages if one.name not in self._found and not one.missing()]
        found = await asyncio.gather(*map(in_turn, ready))
        self._found |= {language.name: outcomes for language, outcomes in zip(ready, found, strict=True)}
        for language in ready:
            await self._try_again(language)

    async def _try_again(self, language: Language) -> None:
        """Runs the cases of a language that have failed once more, one by one and with nothing beside them.

        What is told by clocks, such as a deadline after the first attempt, may be late on a machine that stalls.
        """
        found = self._found[language.name]
        failed = [] if isinstance(found, str) else [one.case for one in found.values() if one.problems]
        if isinstance(found, str) or not 0 < len(failed) <= _MOST_TRIED_AGAIN:
            return
        async with Testee(language, self._logs) as testee:
            behaviour, contract = [[one for one in failed if one.kind == kind] for kind in ("behaviour", "contract")]
            found |= await cases.run_behaviour(behaviour, testee, self._scripted, at_once=1)
            found |= await cases.run_contract(contract, testee, self._real, at_once=1)

    def of(self, language: Language) -> dict[str, cases.Outcome]:
        """Returns the outcomes by case. Skips the test without the language's toolchain; fails it if all are wanted."""
        if language.missing():
            conformance.without_toolchain(language)
        found = self._found[language.name]
        if isinstance(found, str):
            pytest.fail(found, pytrace=False)
        return found

    async def _run(self, language: Language) -> dict[str, cases.Outcome] | str:
        try:
            async with Testee(language, self._logs) as testee:
                found = await cases.run_behaviour(cases.load("behaviour"), testee, self._scripted)
                return found | await cases.run_contract(cases.load("contract"), testee, self._real)
        except RuntimeError as failed:
            return str(failed)


@pytest.fixture(scope="session")
async def results(
    request: pytest.FixtureRequest,
    server: Any,
    database: Any,
    make_tenant: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Results:
    """The outcomes of the cases in the languages that are tested."""
    scripted = ScriptedServer()
    await scripted.start()
    real = real_server.servers(server.address, database, make_tenant, PEPPER)
    results = Results(scripted, real, tmp_path_factory.mktemp("testees"))
    await results.run(conformance.chosen(request))
    await scripted.stop()
    return results
