"""Which languages a run of the tests is about, and what happens to those without a toolchain."""

from typing import NoReturn

import pytest

from tests.conformance import languages


def chosen(request: pytest.FixtureRequest) -> list[languages.Language]:
    """Returns the languages of the tests that were chosen to run in this process."""
    found = {}
    for item in request.session.items:
        language = getattr(item, "callspec", None) and item.callspec.params.get("language")  # type: ignore[attr-defined]
        if isinstance(language, languages.Language):
            found[language.name] = language
    return list(found.values())


def without_toolchain(language: languages.Language) -> NoReturn:
    """Skips a test, or fails it where all languages are wanted."""
    why = f"needs {', '.join(language.missing())}"
    if languages.are_all_wanted():
        pytest.fail(why, pytrace=False)
    pytest.skip(why)
