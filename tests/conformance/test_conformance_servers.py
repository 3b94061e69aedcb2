"""Every client against a real server: many calls at once, restarts of the server, TLS and mutual TLS."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conformance import conformance, journeys, languages, server_process
from tests.support import certificates, serving

LANGUAGES = languages.all_of_them()
pytestmark = pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)


@pytest.fixture(scope="module")
async def testees(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, languages.Testee]]:
    """The testees of the languages that are tested, by name, without those that have no toolchain or do not build."""
    logs = tmp_path_factory.mktemp("testees")
    async with contextlib.AsyncExitStack() as stack:
        running = {}
        for language in conformance.chosen(request):
            if not language.missing():
                await language.make()
                running[language.name] = await stack.enter_async_context(languages.Testee(language, logs))
        yield running


@pytest.fixture
def testee(language: languages.Language, testees: dict[str, languages.Testee]) -> languages.Testee:
    """The testee of the test's language."""
    if language.missing():
        conformance.without_toolchain(language)
    return testees[language.name]


@pytest.fixture(scope="module")
async def resumed(
    testees: dict[str, languages.Testee],
    settings: Any,
    database: Any,
    make_tenant: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """What went wrong as all languages read updates through the restarts of one server, by language."""
    keys = {name: (await make_tenant()).key for name in testees}
    async with server_process.started(settings, tmp_path_factory.mktemp("server")) as server:
        return await journeys.resume_across_restarts(list(testees.values()), server, keys)


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    """Certificates of a server, a client and a stranger."""
    return certificates.make(tmp_path_factory.mktemp("certificates"))


async def test_many_calls_at_once(testee: languages.Testee, server: Any, tenant: Any) -> None:
    await journeys.many_calls_at_once(testee, server.address, tenant.key)


async def test_calls_go_to_all_addresses(testee: languages.Testee, server: Any, tenant: Any) -> None:
    await journeys.calls_in_turn(testee, server.address, tenant.key)


async def test_updates_resume_across_restarts(testee: languages.Testee, resumed: dict[str, str]) -> None:
    assert resumed[testee.language.name] == ""


@pytest.mark.parametrize("mutual", [False, True], ids=["tls", "mutual_tls"])
async def test_tls(
    testee: languages.Testee,
    mutual: bool,
    settings: Any,
    database: Any,
    tenant: Any,
    certified: certificates.Certificates,
) -> None:
    async with serving.running(settings, **journeys.tls_settings(certified, mutual=mutual)) as server:
        address = server.address.replace("127.0.0.1", "localhost")
        problem = None
        try:
            await journeys.tls(testee, address, tenant.key, certified, mutual=mutual)
        except journeys.Refused as refused:  # raised once the server has stopped in order
            problem = refused
    if problem is not None:
        raise problem
