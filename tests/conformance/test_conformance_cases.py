"""Every client passes every case: clients/conformance has the cases, `python -m tests.conformance` runs single ones."""

import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance import cases, expecting, languages

LANGUAGES = languages.all_of_them()
CASES = [*cases.load("contract"), *cases.load("behaviour")]


def _complaints(schema: dict[str, Any], value: Any, path: str, root: dict[str, Any]) -> Iterator[str]:
    """What does not fit the schema, by the few keywords that it uses."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if isinstance(value, dict):
        known = schema.get("properties", {})
        yield from (f"{path} has no {name}" for name in schema.get("required", ()) if name not in value)
        if schema.get("additionalProperties") is False:
            yield from (f"{path} has {name}" for name in value if name not in known)
        for name in value.keys() & known.keys():
            yield from _complaints(known[name], value[name], f"{path}.{name}", root)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _complaints(schema.get("items", {}), one, f"{path}[{number}]", root)


@pytest.mark.parametrize("path", sorted(cases.FOLDER.glob("*/*.json")), ids=lambda path: path.stem)
def test_cases_fit_their_schema(path: pathlib.Path) -> None:
    schema = json.loads((cases.FOLDER.parent / "cases.schema.json").read_text(encoding="utf-8"))
    assert list(_complaints(schema, json.loads(path.read_text(encoding="utf-8")), path.stem, schema)) == []


def test_what_does_not_fit_the_schema_is_found() -> None:
    schema = json.loads((cases.FOLDER.parent / "cases.schema.json").read_text(encoding="utf-8"))
    wrong = [{"name": "a", "do": [{}], "script": [{"statis": {}}, {"stream": [{"status": {"cod": "X"}}]}]}]
    assert set(_complaints(schema, wrong, "f", schema)) == {
        "f[0] has no about",
        "f[0].do[0] has no do",
        "f[0].script[0] has statis",
        "f[0].script[1].stream[0].status has no code",
        "f[0].script[1].stream[0].status has cod",
    }


@pytest.mark.parametrize(
    ("expected", "actual", "fits"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": {"$absent": True}}, {}, True),
        ({"a": {"$absent": True}}, {"a": None}, False),
        ([{"a": 1}], [{"a": 1}, {}], False),
        ({"$contains": [{"a": 2}]}, [{"a": 1}, {"a": 2}], True),
        ({"$contains": [{"a": 3}]}, [{"a": 1}, {"a": 2}], False),
        ({"$matches": "^b"}, "abc", False),
        ({"$length": 2}, [1, 2], True),
        ({"$at_least": 3}, 2, False),
        ({"$one_of": [1, 2]}, 2, True),
        ("7", 7, False),
        (7, 7.0, True),
        (None, None, True),
        (None, 0, False),
    ],
)
def test_what_is_expected_is_held_against_what_came(expected: Any, actual: Any, fits: bool) -> None:
    assert (not list(expecting.differences(expected, actual))) is fits


def test_names_of_cases_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
async def test_case(language: languages.Language, case: cases.Case, results: Any) -> None:
    outcome = results.of(language)[case.name]
    assert not outcome.problems, outcome.report()
