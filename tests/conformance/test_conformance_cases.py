"""Every client passes every case: clients/conformance has the cases, `python -m tests.conformance` runs single ones."""

from typing import Any

import pytest

from tests.conformance import cases, languages

LANGUAGES = languages.all_of_them()
CASES = [*cases.load("contract"), *cases.load("behaviour")]


def test_names_of_cases_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
async def test_case(language: languages.Language, case: cases.Case, results: Any) -> None:
    outcome = (await results.of(language))[case.name]
    assert not outcome.problems, outcome.report()
