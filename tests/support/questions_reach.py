"""What a question's connection may come to, as the source of the service tells, and the SQL that runs on it there.

It is a node's where one is asked itself (`Database.asking`, and NODE, which are built on it). Whatever a function that
has it names is followed: functions, and all methods of classes, since whoever makes an object names its class. What
runs on another connection (OTHERS), which is the coordinator's, is left out.
"""

from __future__ import annotations

import ast
import functools
import importlib
import pathlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.support import node_refusals, store_texts

_ROOT = pathlib.Path(__file__).parents[2]
_STORE = "server.store."
NODE = frozenset(("asking", "reading", "reading_planned", "knowing", "holding_raw"))
OTHERS = frozenset(("looking", "query", "transaction", "snapshot", "with_all_tables"))
# Those that may know the store: server.rpc gets no connection, nor do rooms below the store.
_ROOMS = (
    "admin",
    "admission",
    "alerts",
    "anomalies",
    "delivery",
    "exports",
    "forecasts",
    "ingest",
    "privacy",
    "projections",
    "query",
    "realtime",
    "reports",
    "rollups",
    "store",
    "tasks",
    "tenancy",
    "workspace",
)


class Place(NamedTuple):
    """A function, or a method with its class."""

    module: str
    name: str


def coordinator_tables(first: Iterable[Place]) -> dict[Place, tuple[set[str], list[Place]]]:
    """Returns the functions of the store that a question's connection may come to from the first ones, and that name
    tables which nodes do not have: those tables, and the way there, backwards.
    """
    through: dict[Place, Place | None] = {}
    todo: list[tuple[Place, Place | None]] = [(one, None) for one in first]
    found = {}
    while todo:
        place, before = todo.pop()
        if place in through:
            continue
        through[place] = before
        module = _module(place.module)
        function = module.functions[place.name]
        todo += [(one, place) for one in _named(module, function)]
        if place.module.startswith(_STORE) and (tables := _tables(module, function)):
            found[place] = tables, list(_way(place, through))
    return found


def beginnings() -> list[Place]:
    """Returns the functions that get a question's connection. Those that give it to their callers are in NODE."""
    found = []
    for name, path in _paths().items():
        text = path.read_text(encoding="utf-8")
        if name.startswith(_STORE) or not any(f".{one}(" in text for one in NODE):
            continue
        asking = {place: one for place, one in _module(name).functions.items() if _methods(one) & NODE}
        found += [Place(name, one) for one in asking]
        giving = {place.rpartition(".")[2].lstrip("_") for place, one in asking.items() if _is_context(one)}
        assert giving <= NODE, f"{name} has another way to a question's connection: {giving - NODE}"
    return found


def _is_context(function: ast.AST) -> bool:
    decorators = function.decorator_list if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) else []
    return any("contextmanager" in ast.unparse(one) for one in decorators)


def _others_of(function: ast.AST) -> set[str]:
    """Returns the names of connections that are the coordinator's in a function."""
    return {
        name.id
        for node in ast.walk(function)
        if isinstance(node, ast.AsyncWith)
        for item in node.items
        if item.optional_vars is not None and (called := _methods(item.context_expr)) & OTHERS and not called & NODE
        for name in ast.walk(item.optional_vars)
        if isinstance(name, ast.Name)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Module:
    """The functions of a module, methods by CLASS.NAME, and what it imports: modules, and what is of modules."""

    name: str
    tree: ast.Module
    functions: dict[str, ast.AST]
    modules: dict[str, str]
    objects: dict[str, Place]


@functools.cache
def _paths() -> dict[str, pathlib.Path]:
    """The modules of the rooms, by their names."""
    paths = (path for room in _ROOMS for path in sorted(_ROOT.glob(f"server/{room}/**/*.py")))
    return {
        ".".join(path.relative_to(_ROOT).with_suffix("").parts): path
        for path in paths
        if "migrations" not in path.parts and path.name != "__init__.py"
    }


@functools.cache
def _module(name: str) -> _Module:
    tree = ast.parse(_paths()[name].read_text(encoding="utf-8"))
    functions: dict[str, ast.AST] = {}
    modules, objects = dict[str, str](), dict[str, Place]()
    for node in tree.body:
        of = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        for one in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                functions[f"{of}{one.name}"] = one
        for alias in node.names if isinstance(node, ast.ImportFrom) and node.module else ():
            if (whole := f"{node.module}.{alias.name}") in _paths():
                modules[alias.asname or alias.name] = whole
            elif node.module in _paths():
                objects[alias.asname or alias.name] = Place(node.module, alias.name)
    return _Module(name=name, tree=tree, functions=functions, modules=modules, objects=objects)


def _named(module: _Module, function: ast.AST) -> Iterator[Place]:
    """The functions that a function names, but in annotations and where they get another connection."""
    others, aside = _others_of(function), set[ast.AST]()
    for node in ast.walk(function):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            aside.update(ast.walk(node.annotation))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            aside.update(ast.walk(node.returns))
        elif isinstance(node, ast.Call):
            given = [*node.args, *(one.value for one in node.keywords)]
            if any(isinstance(one, ast.Name) and one.id in others for one in given):
                aside.update(ast.walk(node.func))
    for node in ast.walk(function):
        if node not in aside:
            yield from _places(module, node)


def _places(module: _Module, node: ast.AST) -> Iterator[Place]:
    """The functions that a name stands for; of a class, its methods."""
    if isinstance(node, ast.Name):
        place = module.objects.get(node.id, Place(module.name, node.id))
    elif not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return
    elif node.value.id == "self":
        yield from (Place(module.name, one) for one in module.functions if one.endswith(f".{node.attr}"))
        return
    else:
        place = Place(module.modules.get(node.value.id, ""), node.attr)
    if place.module in _paths():
        functions = _module(place.module).functions
        if place.name in functions:
            yield place
        else:
            yield from (Place(place.module, one) for one in functions if one.startswith(f"{place.name}."))


def _tables(module: _Module, function: ast.AST) -> set[str]:
    others = _others_of(function)
    texts = _reader(module.name).run_by(function, others)
    return {table for sql in texts for table in node_refusals.coordinator_tables(sql)}


@functools.cache
def _reader(name: str) -> store_texts.Reader:
    return store_texts.Reader(_module(name).tree, vars(importlib.import_module(name)))


def _methods(node: ast.AST) -> set[str]:
    """The names of methods that are called."""
    called = (one.func for one in ast.walk(node) if isinstance(one, ast.Call))
    return {one.attr for one in called if isinstance(one, ast.Attribute)}


def _way(place: Place | None, through: dict[Place, Place | None]) -> Iterator[Place]:
    while place is not None:
        yield place
        place = through[place]
