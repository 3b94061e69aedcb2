"""What Citus refuses, or commits in two phases, as far as the text of a statement shows it.

This is no parser of SQL: it knows where a query begins, which clause a word is in, and which tables a statement names.
That is enough for the store's statements; tests/unit/test_node_statements.py has the forms that it looks for, and
docs/design/distribution.md the reasons.
"""

from __future__ import annotations

import functools
import pathlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from server.store import distribution
from tests.support.store_texts import UNKNOWN

_MIGRATIONS = pathlib.Path(__file__).parents[2] / "server/store/migrations/versions"
_PARTS = {"deltas_rows": "deltas"}  # the partition that all rows of a table are in

ADDS_WITHOUT_A_ROW = "adds rows of arrays without a row of the organization beside them"
IS_VOLATILE = "calls a function in what it writes, returns or looks for that nodes must not call"
JOINS_THE_COORDINATOR = "names tables of nodes and tables that the coordinator alone has"
JOINS_A_COPY_OUTWARD = "has an outer join of a table that every node has a copy of"
NAMES_PLACES = "names rows by their places in no organization"
NAMES_NO_ORGANIZATION = "writes for no organization"
LOCKS_A_TABLE = "locks a table on every node"
LOCKS_ROWS_OF_MANY = "locks rows of more than one organization"
ASKS_WHILE_WRITING = "has a query in what an INSERT writes"
HOPS = "hops over organizations"
COPIES = "copies"

# Those that are not of the same value for the same arguments at any time.
_VOLATILE = frozenset(
    (
        "clock_timestamp",
        "currval",
        "gen_random_uuid",
        "lastval",
        "nextval",
        "pg_advisory_lock",
        "pg_advisory_xact_lock",
        "pg_sleep",
        "random",
        "random_normal",
        "set_config",
        "setval",
        "timeofday",
        "txid_current",
        "uuidv4",
        "uuidv7",
    )
)
# Nor those that are of the same value throughout a statement. Nodes take none of them in RETURNING.
_STABLE = frozenset(
    ("current_setting", "now", "pg_current_xact_id", "statement_timestamp", "to_char", "transaction_timestamp")
)
_QUERIES = ("select", "insert", "update", "delete", "lock", "copy", "merge", "truncate", "values")
_CLAUSES = (
    "from",
    "where",
    "group",
    "having",
    "order",
    "limit",
    "offset",
    "returning",
    "set",
    "union",
    "except",
    "intersect",
    "window",
    "for",
)
_TOKEN = re.compile(r"::|[a-z_][\w$]*|\"[^\"]*\"|[$:][a-z0-9_]+|\d[\d.]*|[()\[\],.;]|[^\s\w]")
_IS_NAMED = re.compile(r"\borganization_id\s*=\s*(any\s*\(\s*)?[$:a-z]|=\s*[a-z_]+\.organization_id\b")

Group: TypeAlias = "list[str | Group]"


@dataclass
class Query:
    """A SELECT, INSERT, UPDATE, DELETE …, its clauses in their order, and the queries within it."""

    verb: str
    clauses: list[tuple[str, Group]] = field(default_factory=list)
    inner: list[Query] = field(default_factory=list)

    def of(self, *names: str) -> Group:
        """Returns what is in clauses of these names, itself."""
        return [one for name, group in self.clauses if name in names for one in group]

    @property
    def target(self) -> str | None:
        """Returns the table that is written."""
        words = [
            one for one in self.of("target") if isinstance(one, str) and one not in ("into", "from", "only", "table")
        ]
        return words[0] if words and self.verb in ("insert", "update", "delete", "merge", "lock", "copy") else None


def refusals(sql: str) -> list[str]:
    """Returns what keeps a statement from several nodes, or from one phase; nothing where it has no such form."""
    statement = _Statement(sql)
    return sorted({one for query in statement.queries for one in statement.refusals(query)} | set(statement.joins()))


def tables(sql: str) -> set[str]:
    """Returns the tables that a statement names, and what it calls by such names itself."""
    statement = _Statement(sql)
    return statement.tables | statement.ctes


def coordinator_tables(sql: str) -> set[str]:
    """Returns those of a statement's tables that the coordinator alone has."""
    return _Statement(sql).tables & only_at_coordinator()


@functools.cache
def only_at_coordinator() -> frozenset[str]:
    """Returns the tables that are neither distributed nor copied to every node."""
    made = {
        name
        for one in _MIGRATIONS.glob("*.py")
        for name in re.findall(r"CREATE TABLE (\w+) \(", one.read_text(encoding="utf-8"))
    }
    return frozenset(made - _distributed() - set(distribution.REFERENCE))


def _distributed() -> set[str]:
    return {distribution.ANCHOR, *distribution.DISTRIBUTED}


class _Statement:
    def __init__(self, sql: str) -> None:
        group = _grouped(_tokens(sql))
        self.ctes = set(_ctes(group))
        self.is_recursive = "recursive" in group[:2]
        self.queries = list(_all(_queries(group)))
        self.tables = {
            _PARTS.get(one, one) for query in self.queries for one in _relations(query) if one not in self.ctes
        }

    def joins(self) -> Iterator[str]:
        """Yields what is wrong with the tables of a statement together."""
        ours = self.tables & _distributed()
        if ours and self.tables & only_at_coordinator():
            yield JOINS_THE_COORDINATOR
        if ours and self.is_recursive and not any(_IS_NAMED.search(_text(query.of("where"))) for query in self.queries):
            yield HOPS

    def refusals(self, query: Query) -> Iterator[str]:
        """Yields what is wrong with a query itself."""
        ours = {*_distributed(), *_PARTS, UNKNOWN} - self.ctes
        mine = set(_relations(query)) & ours
        if query.verb == "copy":
            yield COPIES
        if query.verb == "lock" and query.target in ours:
            yield LOCKS_A_TABLE
        if query.verb in ("update", "delete", "insert", "merge") and query.target in ours:
            yield from self._of_written(query, ours)
        where = query.of("where")
        locks = query.verb == "select" and {"update", "share"} & set(_words(query.of("for")))
        if mine and locks and not _names_one(where):
            yield LOCKS_ROWS_OF_MANY
        if mine and set(_relations(query)) & set(distribution.REFERENCE) and _is_outer(query):
            yield JOINS_A_COPY_OUTWARD

    def _of_written(self, query: Query, ours: set[str]) -> Iterator[str]:
        where = query.of("where")
        writes = query.of("set", "returning", "where") + (query.of("select", "from") if query.verb == "insert" else [])
        if set(_calls(writes)) & _VOLATILE or set(_calls(query.of("returning"))) & _STABLE:
            yield IS_VOLATILE
        if query.verb == "insert":
            yield from self._of_added(query, ours)
            return
        if not _IS_NAMED.search(_text(where)):
            yield NAMES_NO_ORGANIZATION
        if "ctid" in where and not _IS_NAMED.search(_text(where)):
            yield NAMES_PLACES

    def _of_added(self, query: Query, ours: set[str]) -> Iterator[str]:
        columns = next((one for one in query.of("target") if isinstance(one, list)), [])
        if "organization_id" not in columns:
            yield NAMES_NO_ORGANIZATION
        sources = query.of("from")
        read = {one for inner in _all(_queries_in(sources)) for one in _relations(inner)} | set(_names_in(sources))
        if sources and not read & ours:
            yield ADDS_WITHOUT_A_ROW
        if any(_queries_in(query.of("values"))) or any(_queries_in(query.of("set"))):
            yield ASKS_WHILE_WRITING


def _names_one(where: Group) -> bool:
    return re.search(r"\borganization_id = [$:]", _text(where)) is not None


def _is_outer(query: Query) -> bool:
    return bool({"left", "right", "full"} & set(_words(query.of("from"))))


def _tokens(sql: str) -> list[str]:
    bare = re.sub(r"'(?:[^']|'')*'", " '' ", re.sub(r"--[^\n]*", " ", sql)).lower()
    return _TOKEN.findall(bare.replace("''", "0"))


def _grouped(tokens: Sequence[str]) -> Group:
    """Nests what is in brackets."""
    stack: list[Group] = [[]]
    for token in tokens:
        if token in "([":
            inner: Group = []
            stack[-1].append(inner)
            stack.append(inner)
        elif token in ")]":
            if len(stack) > 1:  # a fragment may close what it has not opened
                stack.pop()
        else:
            stack[-1].append(token)
    return stack[0]


def _queries(group: Group) -> list[Query]:
    """The queries at one level, each with those within it."""
    found: list[Query] = []
    before: Group = []
    for place, one in enumerate(group):
        last = group[place - 1] if place else None
        name = one if isinstance(one, str) else None
        query = found[-1] if found else None
        if name == "values" and query is not None and query.verb == "insert":
            query.clauses.append(("values", []))
        elif name == "select" or (name in _QUERIES and (last is None or isinstance(last, list) or last == ";")):
            if name == "select" and query is not None and query.verb == "insert" and not query.of("select", "from"):
                query.clauses.append(("select", []))
                continue
            found.append(Query(str(name), [("target" if name != "select" else "select", [])]))
        elif query is None:
            before.append(one)
        elif name == "using" and query.verb in ("delete", "merge"):
            query.clauses.append(("from", []))
        elif name == "conflict" or (name == "from" and query.verb == "delete" and len(query.clauses) == 1):
            query.clauses.append(("conflict", []) if name == "conflict" else ("target", []))
        elif name in _CLAUSES and last not in ("distinct", ".", "as") and not (name == "set" and last == "do"):
            query.clauses.append((str(name), []))
        else:
            query.clauses[-1][1].append(one)
    for query in found:
        query.inner = [one for _, clause in query.clauses for one in _queries_in(clause)]
    return found + _queries_in(before)


def _queries_in(group: Group) -> list[Query]:
    return [query for one in group if isinstance(one, list) for query in _queries(one)]


def _all(queries: Iterable[Query]) -> Iterator[Query]:
    for query in queries:
        yield query
        yield from _all(query.inner)


def _ctes(group: Group) -> Iterator[str]:
    """The names that WITH gives."""
    for place, one in enumerate(group):
        if isinstance(one, list):
            yield from _ctes(one)
        elif one == "as" and place:
            behind = [other for other in group[place + 1 : place + 4] if other not in ("not", "materialized")]
            name = group[place - 1] if isinstance(group[place - 1], str) else group[place - 2] if place > 1 else None
            if isinstance(name, str) and behind and isinstance(behind[0], list) and _queries(behind[0]):
                yield name


def _relations(query: Query) -> Iterator[str]:
    """The tables that a query itself names."""
    if query.target is not None:
        yield query.target
    if query.verb == "lock":
        yield from (one for one in _words(query.of("target")) if one in _distributed())
    yield from _names_in(query.of("from"))


def _names_in(sources: Group) -> Iterator[str]:
    """The tables in a FROM."""
    is_next = True
    for place, one in enumerate(sources):
        following = sources[place + 1] if place + 1 < len(sources) else None
        if one in (",", "join"):
            is_next = True
        elif is_next and one not in ("only", "lateral", "rows"):
            if isinstance(one, str) and following == ".":
                continue  # a schema
            if one == ".":
                continue
            if isinstance(one, str) and not (isinstance(following, list) and one not in _distributed()):
                yield one
            elif isinstance(one, list):  # brackets around joins
                yield from () if any(word in _QUERIES for word in one[:1] if isinstance(word, str)) else _names_in(one)
            is_next = False


def _calls(group: Group) -> Iterator[str]:
    """The functions that are called, in inner queries, too."""
    for place, one in enumerate(group):
        if isinstance(one, list):
            yield from _calls(one)
        elif place + 1 < len(group) and isinstance(group[place + 1], list):
            yield one


def _words(group: Group) -> Iterator[str]:
    return (one for one in group if isinstance(one, str))


def _text(group: Group) -> str:
    """What is at one level, with brackets in place of what is deeper; a list of values is one."""
    return " ".join(one if isinstance(one, str) else f"( {_text(one)} )" if _is_plain(one) else "( )" for one in group)


def _is_plain(group: Group) -> bool:
    """Whether brackets hold values or conditions, and no query."""
    return not any(one in _QUERIES for one in group if isinstance(one, str))
