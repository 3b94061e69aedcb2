"""SQL statements that are files: server/store/sql/NAME.sql, read once, when the module that uses them is imported.

A file begins with a comment that says what the statement is for. Its parameters have names, as :organization_id; the
driver knows $1, $2, … only, so they are numbered here in the order in which they first appear. Names in capitals, as
:LARGEST, are constants of the code: their values become part of the text.
"""

import functools
import importlib.resources
import re
from collections.abc import Sequence
from dataclasses import dataclass

_COMMENT = re.compile(r"--[^\n]*")
_CONSTANT = re.compile(r"(?<![:\w]):([A-Z][A-Z_]*)\b")
_PARAMETER = re.compile(r"(?<![:\w]):([a-z][a-z0-9_]*)\b")
_FOLDER = importlib.resources.files("server.store") / "sql"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement as the driver takes it, and the names of its parameters in their order."""

    text: str
    parameters: tuple[str, ...]

    def arguments(self, **values: object) -> list[object]:
        """Returns the values of all parameters in their order; raises TypeError for one too few or too many."""
        try:
            found = list(map(values.__getitem__, self.parameters))  # a third of the time that a comprehension takes
        except KeyError as error:
            raise TypeError(f"the statement needs {error.args[0]}") from None
        if len(values) != len(found):
            raise TypeError(f"the statement does not take {sorted(values.keys() - set(self.parameters))}")
        return found


_NAMES: dict[str, str] = {}
_TARGET = re.compile(r"\b(INSERT INTO|UPDATE|DELETE FROM|FROM)\s+([a-z_][a-z0-9_]*)", re.IGNORECASE)


@functools.lru_cache(maxsize=1024)
def name_of(text: str) -> str:
    """Returns a name for a statement, for operators: that of its file, else what it does to its first table."""
    if (name := _NAMES.get(text)) is not None:
        return name
    verb = text.split(None, 1)[0].upper() if text.strip() else ""
    found = _TARGET.search(text)
    if found is None:
        return verb
    does = found[1].split()[0].upper()
    return f"{verb if does == 'FROM' else does} {found[2].lower()}"


def rows(status: str) -> int:
    """Returns how many rows a statement has changed, of what the driver returns of it: "UPDATE 3"."""
    return int(status.rpartition(" ")[2])


def among(only: Sequence[int] | None, condition: str) -> tuple[str, list[Sequence[int]]]:
    """Returns the text and the parameter with which a statement is about some organizations; neither of them for all,
    whose plan they would change.
    """
    return ("", []) if only is None else (f" AND {condition}", [only])


def text(name: str) -> str:
    """Returns a file's statement without its comments, its parameters by name."""
    lines = _COMMENT.sub("", (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")).splitlines()
    return "\n".join(line.rstrip() for line in lines if line.strip())


def load(*names: str, **constants: int | str) -> Statement:
    """Returns the statement that files make, one behind the other."""
    made = numbered("\n".join(map(text, names)), **constants)
    _NAMES[made.text] = " ".join(names)
    return made


def named(name: str, template: str, /, **constants: int | str) -> Statement:
    """Returns a statement like numbered(), which operators know by a name."""
    made = numbered(template, **constants)
    _NAMES[made.text] = name
    return made


def numbered(named: str, **constants: int | str) -> Statement:
    """Returns a statement with the values of its constants and the numbers of its parameters."""
    order: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return f"${order.setdefault(found[1], len(order) + 1)}"

    filled = _CONSTANT.sub(lambda found: str(constants[found[1]]), named)
    return Statement(text=_PARAMETER.sub(number, filled), parameters=tuple(order))
