"""Every client against a real server: many calls at once, restarts of the server, TLS and mutual TLS."""

import contextlib
import pathlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.conformance import journeys, languages, server_process
from tests.support import certificates, serving

LANGUAGES = languages.all_of_them()
pytestmark = pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)


@pytest.fixture(scope="module")
async def testee_of(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Callable[[languages.Language], Any]]:
    """Returns the testee of a language, which is built and started once."""
    running: dict[str, languages.Testee] = {}
    async with contextlib.AsyncExitStack() as stack:

        async def of(language: languages.Language) -> languages.Testee:
            if (missing := language.missing()) and not languages.are_all_wanted():
                pytest.skip(f"not on PATH: {', '.join(missing)}")
            if language.name not in running:
                await language.make()
                testee = languages.Testee(language, tmp_path_factory.mktemp("testees"))
                running[language.name] = await stack.enter_async_context(testee)
            return running[language.name]

        yield of


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    """Certificates of a server, a client and a stranger."""
    return certificates.make(tmp_path_factory.mktemp("certificates"))


async def test_many_calls_at_once(language: languages.Language, testee_of: Any, server: Any, tenant: Any) -> None:
    await journeys.many_calls_at_once(await testee_of(language), server.address, tenant.key)


async def test_updates_resume_across_restarts(
    language: languages.Language, testee_of: Any, settings: Any, database: Any, tenant: Any, tmp_path: pathlib.Path
) -> None:
    testee = await testee_of(language)
    async with server_process.started(settings, tmp_path) as server:
        await journeys.resume_across_restarts(testee, server, tenant.key)


@pytest.mark.parametrize("mutual", [False, True], ids=["tls", "mutual_tls"])
async def test_tls(
    language: languages.Language,
    mutual: bool,
    testee_of: Any,
    settings: Any,
    database: Any,
    tenant: Any,
    certified: certificates.Certificates,
) -> None:
    testee = await testee_of(language)
    async with serving.running(settings, **journeys.tls_settings(certified, mutual=mutual)) as server:
        address = server.address.replace("127.0.0.1", "localhost")
        await journeys.tls(testee, address, tenant.key, certified, mutual=mutual)
