"""The SQL of server.store without a database: what its modules hold, and what its functions put together.

Values of modules are taken as they are. What functions put together is read from their source: constants are filled in,
both ways of a choice are taken, and whatever only a call knows becomes UNKNOWN. Whether a text runs only where tables
are not distributed follows from `driver.is_distributed` around it.
"""

from __future__ import annotations

import ast
import builtins
import functools
import importlib
import itertools
import pathlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence, Set
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias, TypeVar

import server.store
from server.store import statements
from server.store.statements import Statement

UNKNOWN = "unknown"
_ROOT = pathlib.Path(__file__).parents[2]
_MOST_WAYS = 32  # of putting a text together
_RUN = ("execute", "executemany", "fetch", "fetchrow", "fetchval", "cursor")
_SWITCH = "is_distributed"
# What makes the schema or distributes it, and views for BI, which are not to be had of a cluster.
_FILES_OF_SCHEMA = ("bi_functions", "node_functions")
_NOT_RUN_AT_NODES = ("migrate", "migrations", "distribution", "bi")


class StoreText(NamedTuple):
    """SQL, and where it is from: a module's value by its name, else a line."""

    place: str
    sql: str
    is_local: bool
    is_of_module: bool = False


@functools.cache
def all_of_store() -> tuple[StoreText, ...]:
    """Returns all texts of the store's modules."""
    found: list[StoreText] = []
    for module in _modules():
        assert module.__file__ is not None
        path = pathlib.Path(module.__file__)
        found += of_source(path.read_text(encoding="utf-8"), vars(module), str(path.relative_to(_ROOT)))
    # Files that functions fill in, as they are.
    loaded = {name for one in vars(statements)["_NAMES"].values() for name in one.split()}
    for file in sorted(_ROOT.glob("server/store/sql/*.sql")):
        if file.stem not in loaded | set(_FILES_OF_SCHEMA):
            found.append(StoreText(str(file.relative_to(_ROOT)), statements.text(file.stem), is_local=False))
    return tuple(dict.fromkeys(found))


def _modules() -> Iterator[ModuleType]:
    for one in pkgutil.walk_packages(server.store.__path__, "server.store."):
        if not set(one.name.split(".")) & set(_NOT_RUN_AT_NODES) and not one.ispkg:
            yield importlib.import_module(one.name)


def of_source(source: str, names: Mapping[str, Any], place: str) -> Iterator[StoreText]:
    """Yields the texts of a module: its source, and its names with their values."""
    read = Reader(ast.parse(source), names)
    for name, value in names.items():
        if name in read.assigned:
            for path, sql in _texts_of(value, name):
                yield StoreText(f"{place} {path}", sql, read.is_name_local(name, path), is_of_module=True)
    for node, sql in read.texts():
        yield StoreText(f"{place}:{node.lineno}", sql, read.is_local(node))
    for node in read.copies():
        yield StoreText(f"{place}:{node.lineno}", "COPY unknown", read.is_local(node))


def _texts_of(value: object, name: str) -> Iterator[tuple[str, str]]:
    """Yields the texts in a value of a module, by where they are in it."""
    if isinstance(value, Statement):
        yield name, value.text
    elif isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _texts_of(one, f"{name}[{key!r}]")
    elif isinstance(value, tuple | list):
        for place, one in enumerate(value):
            yield from _texts_of(one, f"{name}[{place}]")
    elif type(value).__module__.startswith(server.store.__name__):  # an object of a class of the store
        for attribute, one in getattr(value, "__dict__", {}).items():
            yield from _texts_of(one, f"{name}.{attribute}")


_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
NodeT = TypeVar("NodeT", bound=ast.AST)
_BUILT_IN = frozenset(dir(builtins))


class Reader:
    """Reads the source of a module."""

    def __init__(self, tree: ast.Module, names: Mapping[str, Any]) -> None:
        self._names = names
        self._parents: dict[ast.AST, ast.AST] = {}
        self._functions: dict[ast.AST, _Function | None] = {}  # that each node is in
        self._inside: dict[_Function, list[ast.AST]] = {}
        self._uses: dict[str, list[ast.Name]] = {}  # of names in functions
        self._visit(tree, None)
        self._local_names = {function: _assignments(nodes) for function, nodes in self._inside.items()}
        assignments = [one for one in tree.body if isinstance(one, ast.Assign | ast.AnnAssign)]
        targets = [name for one in assignments for name in ast.walk(one) if isinstance(name, ast.Name)]
        self.assigned = {one.id for one in targets if isinstance(one.ctx, ast.Store)}

    def _visit(self, node: ast.AST, function: _Function | None) -> None:
        within = node if isinstance(node, _Function) else function
        for child in ast.iter_child_nodes(node):
            self._parents[child] = node
            self._functions[child] = within
            if within is not None:
                self._inside.setdefault(within, []).append(child)
                if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load):
                    self._uses.setdefault(child.id, []).append(child)
            self._visit(child, within)

    def texts(self) -> Iterator[tuple[ast.expr, str]]:
        """Yields what functions put together, and what they run."""
        for node in self._in_functions(ast.expr):
            is_run = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _RUN
            run = node.args[0] if is_run and isinstance(node, ast.Call) and node.args else None
            if run is not None and not isinstance(run, ast.Starred):
                yield from ((run, sql) for sql in self._ways(run))
            elif _is_text(node) and not _is_text(self._parents[node]) and not self._is_docstring(node):
                yield from ((node, sql) for sql in self._ways(node))

    def run_by(self, function: ast.AST, others: Set[str]) -> Iterator[str]:
        """Yields what a function may run, but for what it runs on other connections: what it puts together, and what it
        names of the module's values.
        """
        for node in ast.walk(function):
            if node is function or self._is_on(node, others):
                continue
            if isinstance(node, ast.Name) and node.id in self.assigned and node.id in self._names:
                yield from (sql for _, sql in _texts_of(self._names[node.id], node.id))
            elif isinstance(node, ast.expr) and _is_text(node):
                yield from self._ways(node)

    def _is_on(self, node: ast.AST, connections: Set[str]) -> bool:
        """Whether a part of a function is what one of some connections runs."""
        while not isinstance(node, ast.stmt):
            node = self._parents[node]
            called = node.func if isinstance(node, ast.Call) else None
            if (
                isinstance(called, ast.Attribute)
                and isinstance(called.value, ast.Name)
                and called.value.id in connections
            ):
                return True
        return False

    def copies(self) -> Iterator[ast.Call]:
        """Yields calls that copy rows into tables."""
        return (one for one in self._in_functions(ast.Call) if ast.unparse(one.func) == "binary.copy")

    def _in_functions(self, kind: type[NodeT]) -> Iterator[NodeT]:
        return (one for nodes in self._inside.values() for one in nodes if isinstance(one, kind))

    def is_name_local(self, name: str, path: str) -> bool:
        """Whether functions use a module's value, or the part at a path, only where tables are not distributed."""
        uses = self._uses.get(name, [])
        return bool(uses) and all(self._is_use_local(one, path) for one in uses)

    def _is_use_local(self, use: ast.Name, path: str) -> bool:
        above = self._parents[use]
        if isinstance(above, ast.Subscript) and _is_switch(above.slice):
            return path.endswith("[False]")
        return self.is_local(use)

    def is_local(self, node: ast.AST) -> bool:
        """Whether a part of a function runs only where tables are not distributed."""
        while (above := self._parents.get(node)) is not None:
            if isinstance(above, ast.If | ast.IfExp):
                test, is_else = above.test, node is above.orelse or (isinstance(above, ast.If) and node in above.orelse)
                if node is not test and (_is_switch(test) if is_else else _has_negation(test)):
                    return True
            if isinstance(node, ast.stmt) and _follows_return(node, above):
                return True
            if isinstance(above, _Function) and self._is_function_local(above):
                return True
            node = above
        return False

    def _is_function_local(self, function: _Function) -> bool:
        """Whether a function that is its module's own is only called where tables are not distributed."""
        calls = [one for one in self._uses.get(function.name, []) if self._functions[one] is not function]
        return function.name.startswith("_") and bool(calls) and all(map(self.is_local, calls))

    def _is_docstring(self, node: ast.expr) -> bool:
        return isinstance(self._parents[node], ast.Expr)

    def _ways(self, node: ast.expr, depth: int = 0) -> list[str]:
        """The texts that an expression can become."""
        if (known := self._known(node)) is not None:
            return [known]
        found: list[str] = []
        if isinstance(node, ast.JoinedStr):
            found = self._joined([self._ways(one, depth) for one in node.values])
        elif isinstance(node, ast.FormattedValue):
            found = self._ways(node.value, depth)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            found = self._joined([self._ways(node.left, depth), self._ways(node.right, depth)])
        elif isinstance(node, ast.IfExp):
            found = [] if _has_negation(node.test) else self._ways(node.body, depth)
            found += [] if _is_switch(node.test) else self._ways(node.orelse, depth)
        elif isinstance(node, ast.Attribute):
            found = ["organization_id = $1 AND "] if node.attr == "narrowed" else self._whole(node.value, depth)
        elif isinstance(node, ast.Call):
            takes = isinstance(node.func, ast.Attribute) and node.func.attr in ("numbered", "named")
            found = self._ways(node.args[-1], depth) if takes and node.args else []
        elif isinstance(node, ast.Name) and depth < 4:
            found = self._of_name(node, depth + 1)
        return found[:_MOST_WAYS] or [UNKNOWN]

    def _whole(self, node: ast.expr, depth: int) -> list[str]:
        """The texts of a statement whose text is asked for."""
        return self._ways(node, depth) if isinstance(node, ast.Name | ast.Call) else []

    def _joined(self, parts: list[list[str]]) -> list[str]:
        return ["".join(one) for one in itertools.islice(itertools.product(*parts), _MOST_WAYS)]

    def _of_name(self, node: ast.Name, depth: int) -> list[str]:
        """The texts that a name of a function can stand for, but where tables are not distributed: those are looked at
        by themselves.
        """
        found: list[str] = []
        for value, is_added in self._locals(node).get(node.id, []):
            if not self.is_local(value):
                ways = self._ways(value, depth)
                found += ["".join(one) for one in itertools.product(found, ways)] if is_added else ways
        return found

    def _locals(self, node: ast.AST) -> dict[str, list[tuple[ast.expr, bool]]]:
        function = self._functions.get(node)
        return {} if function is None else self._local_names[function]

    def _known(self, node: ast.expr) -> str | None:
        """The value of an expression that needs nothing but names of the module; None where it is no text."""
        nodes = list(ast.walk(node))
        names = [one for one in nodes if isinstance(one, ast.Name)]
        used, own = {one.id for one in names}, {one.id for one in names if isinstance(one.ctx, ast.Store)}
        is_called_later = any(isinstance(one, ast.Await | ast.Yield) for one in nodes)
        if is_called_later or used & self._locals(node).keys() or not used - own <= self._names.keys() | _BUILT_IN:
            return None
        try:
            value = eval(compile(ast.Expression(node), "<text>", "eval"), dict(self._names))  # noqa: S307 - our own code
        except Exception:  # noqa: BLE001 - it needs more than names
            return None
        value = value.text if isinstance(value, Statement) else value
        return value if isinstance(value, str) else str(value) if isinstance(value, int) else None


def _assignments(nodes: Sequence[ast.AST]) -> dict[str, list[tuple[ast.expr, bool]]]:
    """The values that a function gives its names, in their order, and whether each is added to what was there; none of
    its arguments, and of what it names otherwise.
    """
    found: dict[str, list[tuple[ast.expr, bool]]] = {}
    for node in nodes:
        if isinstance(node, ast.arg):
            found.setdefault(node.arg, [])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.setdefault(node.id, [])
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append((node.value, False))
        elif isinstance(node, ast.AnnAssign | ast.AugAssign) and isinstance(node.target, ast.Name) and node.value:
            found.setdefault(node.target.id, []).append((node.value, isinstance(node, ast.AugAssign)))
    for values in found.values():
        values.sort(key=lambda one: (one[0].lineno, one[0].col_offset))
    return found


def _is_text(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_text(node.left) or _is_text(node.right)
    if isinstance(node, ast.IfExp):
        return _is_text(node.body) and _is_text(node.orelse) and not _is_switch(node.test)
    if isinstance(node, ast.FormattedValue):
        return True
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_switch(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == _SWITCH


def _has_negation(test: ast.expr) -> bool:
    """Whether a condition only holds where tables are not distributed."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(map(_has_negation, test.values))
    return isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and _is_switch(test.operand)


def _follows_return(node: ast.stmt, above: ast.AST) -> bool:
    """Whether a statement comes only after one that returns where tables are distributed."""
    for block in (getattr(above, name, None) for name in ("body", "orelse", "finalbody")):
        if isinstance(block, list) and node in block:
            return any(
                isinstance(one, ast.If) and _is_switch(one.test) and isinstance(one.body[-1], ast.Return | ast.Raise)
                for one in block[: block.index(node)]
            )
    return False
