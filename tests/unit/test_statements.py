"""Statements are files: each says what it is for, and explains its parameters by name."""

import pathlib
import re

import pytest

from server.store import statements

ROOT = pathlib.Path(__file__).parents[2]
FILES = sorted((ROOT / "server/store/sql").glob("*.sql"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_statement_says_what_it_is_for_and_lists_its_parameters(file: pathlib.Path) -> None:
    first, *_ = text = file.read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"-- [A-Z].*[a-z.;,]", first)
    comment = "\n".join(line for line in text if line.lstrip().startswith("--"))
    for name in set(re.findall(r"(?<![:\w]):([a-z]\w*)", statements.text(file.stem))):
        assert re.search(rf"\b{name}\b", comment), f"{name} is not explained"


def test_parameters_are_numbered_in_their_order_and_constants_become_text() -> None:
    statement = statements.numbered(
        "SELECT :b::text, :a, b:c[:b] WHERE x = -:LARGEST AND y = :MADE", LARGEST=7, MADE=":z"
    )
    assert statement.text == "SELECT $1::text, $2, b:c[$1] WHERE x = -7 AND y = $3"
    assert statement.parameters == ("b", "a", "z")
    assert statement.arguments(a=1, b=2, z=3) == [2, 1, 3]


@pytest.mark.parametrize("given", [{"a": 1}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "c": 2}])
def test_a_statement_takes_its_own_parameters_and_no_others(given: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        statements.numbered("SELECT :a, :b").arguments(**given)
