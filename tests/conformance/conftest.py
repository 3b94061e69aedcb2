"""What the conformance tests share: the scripted server and each language's outcomes, made once."""

import pathlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from clients.conformance.scripted_server import ScriptedServer
from tests.conformance import cases, languages, real_server
from tests.conftest import PEPPER


class Results:
    """The outcomes of all cases by language: all of a language's cases run at once, when the first is asked for."""

    def __init__(self, scripted: ScriptedServer, real: real_server.MakeServer, logs: pathlib.Path) -> None:
        self._scripted = scripted
        self._real = real
        self._logs = logs
        self._found: dict[str, dict[str, cases.Outcome] | str] = {}

    async def of(self, language: languages.Language) -> dict[str, cases.Outcome]:
        """Returns the outcomes by case. Skips the test without the language's toolchain; fails it if all are wanted."""
        if language.name not in self._found:
            self._found[language.name] = await self._run(language)
        found = self._found[language.name]
        if isinstance(found, dict):
            return found
        if found.startswith("not on PATH") and not languages.are_all_wanted():
            pytest.skip(found)
        pytest.fail(found, pytrace=False)

    async def _run(self, language: languages.Language) -> dict[str, cases.Outcome] | str:
        if missing := language.missing():
            return f"not on PATH: {', '.join(missing)}"
        try:
            await language.make()
            async with languages.Testee(language, self._logs) as testee:
                found = await cases.run_behaviour(cases.load("behaviour"), testee, self._scripted)
                return found | await cases.run_contract(cases.load("contract"), testee, self._real)
        except (languages.BuildFailed, RuntimeError) as failed:
            return str(failed)


@pytest.fixture(scope="session")
async def results(
    server: Any, database: Any, make_tenant: Any, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Results]:
    """The outcomes of the cases."""
    scripted = ScriptedServer()
    await scripted.start()
    real = real_server.servers(server.address, database, make_tenant, PEPPER)
    yield Results(scripted, real, tmp_path_factory.mktemp("testees"))
    await scripted.stop()
