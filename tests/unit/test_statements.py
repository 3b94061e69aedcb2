"""Statements are files: each says what it is for, and explains its parameters by name."""

import ast
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import TypeGuard

import pytest

from server.store import statements

ROOT = pathlib.Path(__file__).parents[2]
STORE = ROOT / "server/store"
FILES = sorted(STORE.glob("sql/*.sql"))
MODULES = sorted(STORE.glob("*.py"))
SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|MERGE INTO)\b")
MOST_LINES, MOST_COLUMNS = 10, 120


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_statement_says_what_it_is_for_and_lists_its_parameters(file: pathlib.Path) -> None:
    first, *_ = text = file.read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"-- [A-Z].*[a-z.;,]", first)
    comment = "\n".join(line for line in text if line.lstrip().startswith("--"))
    for name in set(re.findall(r"(?<![:\w]):([a-z]\w*)", statements.text(file.stem))):
        assert re.search(rf"\b{name}\b", comment), f"{name} is not explained"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_lines_of_a_statement_are_not_too_long(file: pathlib.Path) -> None:
    long = [line for line in file.read_text(encoding="utf-8").splitlines() if len(line) > MOST_COLUMNS]
    assert not long


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_a_statement_of_more_than_ten_lines_is_a_file(module: pathlib.Path) -> None:
    source = module.read_text(encoding="utf-8")
    found = [(line, text) for line, text in strings(source) if SQL.search(text) and lines_of(text) > MOST_LINES]
    assert not found


def strings(source: str) -> Iterator[tuple[int, str]]:
    """Yields the strings of a module, each with its line and with what it is glued from: the module's constants."""
    tree, lines = ast.parse(source), source.encode().splitlines(keepends=True)
    assigned = [one for one in tree.body if isinstance(one, ast.Assign)]
    constants = {
        name.id: one.value
        for one in assigned
        for name in one.targets
        if isinstance(name, ast.Name) and is_text(one.value)
    }

    def whole(node: ast.expr) -> str:
        glued = [
            whole(constants[one.id]) for one in ast.walk(node) if isinstance(one, ast.Name) and one.id in constants
        ]
        return "\n".join((source_of(node, lines), *glued))

    for node in ast.walk(tree):
        if is_text(node):
            yield node.lineno, whole(node)


def source_of(node: ast.expr, lines: Sequence[bytes]) -> str:
    """Returns the source of an expression, as ast.get_source_segment does, which splits the whole source each time."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    text = b"".join(lines[node.lineno - 1 : node.end_lineno])
    behind = len(lines[node.end_lineno - 1]) - node.end_col_offset
    return text[node.col_offset : len(text) - behind].decode()


def is_text(node: ast.AST) -> TypeGuard[ast.expr]:
    """Returns whether an expression is a string, or strings put together."""
    if isinstance(node, ast.BinOp):
        return is_text(node.left) or is_text(node.right)
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def lines_of(text: str) -> int:
    """Returns how many lines of source have more on them than quotes and brackets."""
    return sum(bool(re.search(r"\w", line.strip().removeprefix("f"))) for line in text.splitlines())


def test_the_rule_sees_strings_of_every_kind() -> None:
    rows = "\n".join(f"    AND {name} = 1" for name in "abcdefghi")
    glued = f'ROWS = """{rows}"""\nREAD = f"""\nSELECT 1\nWHERE true\n{{ROWS}}\n"""'
    adjacent = "READ = (\n" + "\n".join(f'    "SELECT {number} "' for number in range(11)) + "\n)"
    added = "READ = (\n    " + "\n    + ".join(f'"SELECT {number} "' for number in range(11)) + "\n)"
    for source in (glued, adjacent, added):
        assert max(lines_of(text) for _, text in strings(source)) > MOST_LINES
    assert all(lines_of(text) <= MOST_LINES for _, text in strings(adjacent.replace('    "SELECT 0 "\n', "")))


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
