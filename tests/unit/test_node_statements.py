"""What nodes of a cluster refuse, or would commit in two phases, does not get into the store's SQL unseen."""

import re
import textwrap

import pytest

from server.store import distribution
from tests.support import node_refusals, questions_reach, store_texts
from tests.support.node_refusals import (
    ADDS_WITHOUT_A_ROW,
    ASKS_WHILE_WRITING,
    COPIES,
    HOPS,
    IS_VOLATILE,
    JOINS_A_COPY_OUTWARD,
    JOINS_THE_COORDINATOR,
    LOCKS_A_TABLE,
    LOCKS_ROWS_OF_MANY,
    NAMES_NO_ORGANIZATION,
    NAMES_PLACES,
)
from tests.support.questions_reach import Place

# Statements that have such a form and run at nodes all the same, by how they begin.
EXCEPTIONS = {
    # Of one organization: Citus sends its row of organizations along to the node.
    "SELECT date_trunc('month', $1::timestamptz AT TIME ZONE 'UTC')::date AS month, r.month_events": [
        JOINS_THE_COORDINATOR
    ],
}
NAMED = re.compile(r"\b(?:from|join|into|update)\s+(?:only\s+)?(\w+)\b(?!\s*\()")
WHOLE = re.compile(r"\s*\(?(WITH|SELECT|INSERT|UPDATE|DELETE)\b")


def line(sql: str) -> str:
    """A statement in one line."""
    return " ".join(sql.split())


def allowed(sql: str) -> list[str]:
    """What a statement may do."""
    return [form for begin, forms in EXCEPTIONS.items() if line(sql).startswith(begin) for form in forms]


def test_no_statement_has_a_form_that_nodes_refuse() -> None:
    """What this finds needs a variant behind driver.is_distributed: docs/design/distribution.md says what others do."""
    texts = [one for one in store_texts.all_of_store() if not one.is_local]
    found = {f"{one.place}: {line(one.sql)}": node_refusals.refusals(one.sql) for one in texts}
    assert {place: forms for place, forms in found.items() if forms != allowed(place.partition(": ")[2])} == {}
    assert all(any(allowed(one.sql) == forms for one in texts) for forms in EXCEPTIONS.values())


def test_every_form_is_noticed_in_the_variants_for_one_node() -> None:
    """They are behind driver.is_distributed since nodes refuse them."""
    local = [one for one in store_texts.all_of_store() if one.is_local]
    assert {form for one in local for form in node_refusals.refusals(one.sql)} == {
        ADDS_WITHOUT_A_ROW,
        ASKS_WHILE_WRITING,
        COPIES,
        HOPS,
        IS_VOLATILE,
        JOINS_A_COPY_OUTWARD,
        JOINS_THE_COORDINATOR,
        LOCKS_A_TABLE,
        LOCKS_ROWS_OF_MANY,
        NAMES_NO_ORGANIZATION,
        NAMES_PLACES,
    }


def test_all_tables_of_statements_are_seen() -> None:
    """Also those that whoever only looks for words sees."""
    known = node_refusals.only_at_coordinator() | {distribution.ANCHOR, *distribution.DISTRIBUTED}
    for sql in {one.sql for one in store_texts.all_of_store() if WHOLE.match(one.sql)}:
        bare = re.sub(r"distinct from|'[^']*'|--.*", " ", sql.lower())
        assert {table for table in NAMED.findall(bare) if table in known} <= node_refusals.tables(sql), sql


def test_questions_that_may_be_at_a_node_name_no_tables_that_it_lacks() -> None:
    """What they need of the coordinator they ask there: driver.with_all_tables()."""
    first = questions_reach.beginnings()
    assert {Place("server.query.overview", "answer"), Place("server.query.queries", "Queries.knowing")} < set(first)
    assert questions_reach.coordinator_tables(first) == {}


@pytest.mark.parametrize(
    ("first", "tables"),
    [
        (Place("server.store.organizations", "time_zone"), {"organizations"}),
        (Place("server.store.organizations", "raw_from"), set()),
        (Place("server.query.funnel_definitions", "found"), {"funnels"}),
        (Place("server.query.funnel_definitions", "FunnelDefinitions.get"), set()),
        (Place("server.query.queries", "Queries.holding_raw"), set()),
    ],
)
def test_tables_are_found_where_a_connection_comes_to(first: Place, tables: set[str]) -> None:
    found = questions_reach.coordinator_tables([first])
    assert {table for named, _ in found.values() for table in named} == tables


REFUSED = {
    ADDS_WITHOUT_A_ROW: [
        "INSERT INTO leads (organization_id, lead_id) SELECT $1, l FROM unnest($2::text[]) AS l ON CONFLICT DO NOTHING",
        "INSERT INTO leads (organization_id, lead_id) SELECT * FROM unnest($1::integer[], $2::text[])",
        """
        WITH given AS (SELECT * FROM unnest($2::text[]) AS g(id))
        INSERT INTO leads (organization_id, lead_id) SELECT $1, id FROM given
        """,
    ],
    IS_VOLATILE: [
        "UPDATE folds SET folded_at = clock_timestamp() WHERE organization_id = $1",
        "UPDATE folds SET folded_at = $2 WHERE organization_id = $1 RETURNING now()",
        "UPDATE projections SET revision = $2 WHERE organization_id = $1 RETURNING set_config('a', 'b', true)",
        "UPDATE users AS u SET name = coalesce(name, gen_random_uuid()::text) WHERE u.organization_id = $1",
        "DELETE FROM leads WHERE organization_id = $1 AND random() < 0.5",
        """
        INSERT INTO folds (organization_id, folded_at) VALUES ($1, now())
        ON CONFLICT (organization_id) DO UPDATE SET folded_at = clock_timestamp()
        """,
        """
        INSERT INTO members (organization_id, number)
        SELECT organization_id, nextval('numbers') FROM revisions WHERE organization_id = $1
        """,
    ],
    JOINS_THE_COORDINATOR: [
        "SELECT o.name, r.revision FROM organizations AS o JOIN revisions AS r USING (organization_id)",
        "SELECT u.user_id FROM calendars, users AS u WHERE u.organization_id = $1",
        "SELECT name FROM organizations AS o WHERE EXISTS (SELECT FROM deltas WHERE organization_id = o.id)",
        "DELETE FROM tasks USING (SELECT organization_id AS id FROM folds) AS f WHERE tasks.organization_id = f.id",
    ],
    JOINS_A_COPY_OUTWARD: [
        "SELECT epoch, revision FROM deployment LEFT JOIN revisions ON organization_id = ANY($1::integer[])",
    ],
    NAMES_PLACES: [
        "DELETE FROM events WHERE ctid = ANY(ARRAY(SELECT ctid FROM events WHERE organization_id = $1))",
        "UPDATE users SET name = '' WHERE ctid = $1",
        "DELETE FROM unknown WHERE ctid = ANY($1::tid[])",
    ],
    NAMES_NO_ORGANIZATION: [
        "DELETE FROM updates WHERE created_at < $1",
        "UPDATE projections SET failure = NULL WHERE name = $1",
        "DELETE FROM deltas WHERE revision IN (SELECT revision FROM updates WHERE organization_id = $1)",
        "INSERT INTO kept_pairs (dimension) VALUES ($1)",
        "WITH gone AS (DELETE FROM updates WHERE revision < $1 RETURNING 1) SELECT count(*) FROM gone",
    ],
    LOCKS_A_TABLE: ["LOCK TABLE ONLY events IN ACCESS SHARE MODE", "LOCK revisions"],
    LOCKS_ROWS_OF_MANY: [
        "SELECT FROM member_counters WHERE organization_id = ANY($1::integer[]) FOR UPDATE",
        "SELECT FROM leads WHERE lead_id = $1 FOR NO KEY UPDATE SKIP LOCKED",
    ],
    ASKS_WHILE_WRITING: [
        "INSERT INTO folds (organization_id, folded_deltas) VALUES ($1, (SELECT count(*) FROM deltas))",
        """
        INSERT INTO folds (organization_id) SELECT organization_id FROM revisions WHERE organization_id = $1
        ON CONFLICT (organization_id) DO UPDATE SET folded_deltas = (SELECT count(*) FROM deltas)
        """,
    ],
    HOPS: [
        """
        WITH RECURSIVE hop AS (SELECT min(organization_id) AS id FROM deltas UNION ALL
        SELECT (SELECT min(organization_id) FROM deltas WHERE organization_id > hop.id) FROM hop) SELECT id FROM hop
        """,
    ],
}
LET_BE = [
    """
    INSERT INTO leads AS t (organization_id, lead_id) SELECT b.organization_id, u.id
    FROM revisions AS b, unnest($2::text[]) AS u(id) WHERE b.organization_id = $1
    ON CONFLICT DO NOTHING RETURNING lead_id
    """,
    "INSERT INTO projections (organization_id, name) VALUES ($1, $2)",
    "INSERT INTO tasks (organization_id, kind) SELECT $1, k FROM unnest($2::text[]) AS k",
    "UPDATE tasks SET run_at = clock_timestamp() WHERE task_id = $1",
    "UPDATE folds SET folded_at = statement_timestamp() WHERE organization_id = $1",
    "UPDATE users AS u SET name = w.name FROM unnest($2::text[]) AS w(name) WHERE u.organization_id = $1",
    "DELETE FROM events WHERE organization_id = $1 AND ctid = ANY(ARRAY(SELECT ctid FROM events LIMIT $2))",
    "SELECT o.name, 'FROM revisions' FROM organizations AS o -- JOIN revisions",
    "SELECT revision IS DISTINCT FROM tasks FROM updates WHERE organization_id = $1",
    "SELECT epoch::text, revision FROM deployment, revisions WHERE organization_id = $1",
    "SELECT FROM revisions WHERE organization_id = $1 FOR UPDATE",
    "SELECT FROM tasks WHERE state = 'pending' FOR UPDATE SKIP LOCKED",
    "WITH tasks AS (SELECT * FROM updates WHERE organization_id = $1) SELECT count(*) FROM tasks",
    "LOCK TABLE audit_chains",
]


@pytest.mark.parametrize(("form", "sql"), [(form, sql) for form, texts in REFUSED.items() for sql in texts])
def test_a_form_that_nodes_refuse_is_noticed(form: str, sql: str) -> None:
    assert form in node_refusals.refusals(sql)


@pytest.mark.parametrize("sql", LET_BE)
def test_other_forms_are_let_be(sql: str) -> None:
    assert node_refusals.refusals(sql) == []


NAMES = {
    "REMOVE": "DELETE FROM leads WHERE lead_id = $1",
    "LOCK": {False: "LOCK TABLE leads", True: "SELECT 1"},
    "COLUMNS": ("lead_id", "topic"),
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("await driver.execute(REMOVE)", {"DELETE FROM leads WHERE lead_id = $1"}),
        (
            """
            await driver.execute(f"SELECT {', '.join(COLUMNS)} FROM {table}")
            """,
            {"SELECT lead_id, topic FROM unknown"},
        ),
        ("await driver.execute('SELECT 1' if many else 'SELECT 2')", {"SELECT 1", "SELECT 2"}),
        (
            """
            text = "SELECT 1"
            text += " FOR UPDATE"
            await driver.execute(text)
            """,
            {"SELECT 1", "SELECT 1 FOR UPDATE"},
        ),
        ("await driver.execute('SELECT 1' if driver.is_distributed else 'SELECT 2')", {"SELECT 1"}),
        (
            """
            if driver.is_distributed:
                return
            await driver.execute("SELECT 1")
            """,
            set(),
        ),
        (
            """
            if many:
                return
            await driver.execute("SELECT 1")
            """,
            {"SELECT 1"},
        ),
        (
            """
            if many and not driver.is_distributed:
                await driver.execute("SELECT 1")
            """,
            set(),
        ),
        (
            """
            if many or not driver.is_distributed:
                await driver.execute("SELECT 1")
            """,
            {"SELECT 1"},
        ),
        (
            "await driver.execute(f'DELETE FROM leads WHERE {driver.narrowed}ctid = $1')",
            {"DELETE FROM leads WHERE organization_id = $1 AND ctid = $1"},
        ),
        ("await binary.copy(driver, table, (), ())", {"COPY unknown"}),
        (
            """
            if not driver.is_distributed:
                await binary.copy(driver, table, (), ())
            """,
            set(),
        ),
        ("await _other(driver)", {"SELECT 3"}),
        (
            """
            if not driver.is_distributed:
                await _other(driver)
            """,
            set(),
        ),
    ],
)
def test_what_functions_put_together_is_read(body: str, expected: set[str]) -> None:
    """Without what runs on one node alone."""
    function = "async def work(driver, table, many):\n" + textwrap.indent(textwrap.dedent(body).strip(), "    ")
    other = "async def _other(driver):\n    await driver.execute('SELECT 3')" if "_other" in body else ""
    read = store_texts.of_source(f"{function}\n\n{other}", NAMES, "module")
    found = {one.sql for one in read if not one.is_local}
    assert {one for one in found if one.startswith(("SELECT", "DELETE", "COPY"))} == expected


def test_a_module_s_values_are_read() -> None:
    """Of those that are chosen by whether tables are distributed, the one for a single node is told apart."""
    assigned = "\n".join(f"{name} = None" for name in NAMES)
    source = f"{assigned}\nasync def work(driver):\n    await driver.execute(LOCK[driver.is_distributed])"
    read = [one for one in store_texts.of_source(source, NAMES, "module") if one.is_of_module]
    assert {one.place: one.is_local for one in read if one.place.startswith("module LOCK")} == {
        "module LOCK[False]": True,
        "module LOCK[True]": False,
    }
    assert {one.sql for one in read if not one.is_local} > {"DELETE FROM leads WHERE lead_id = $1", "topic"}
