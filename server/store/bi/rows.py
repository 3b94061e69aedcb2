"""The rows that views of figures are made of, in SQL: rollups and deltas of whoever reads, by day or by hour.

A row has a day, the number of a dimension, a value of it, and the figures of a rollup or of a delta, with NULL in place
of what the other kind has. Rows of an hour have its first quarter hour, and how far the clock on the wall is ahead of
UTC in it. The figures of a day are those of all of its rows added up.
"""

from dataclasses import dataclass

from server.catalog import dimensions
from server.quarters import Width
from server.store import calendars
from server.timerange import MAX_AHEAD, QUARTER

# Not the column itself, whose statistics are of all organizations: EXPLAIN would tell how frequent a value is among
# them. No function is called for it, so that a reader's condition is still asked of rows before they are added up.
_VALUE = "CASE WHEN r.value = '' THEN '' ELSE r.value END AS value"
_ROLLUP = (
    f"r.dimension, {_VALUE}, r.counter_keys, r.counter_amounts, r.histogram_keys, r.histograms,"
    " NULL::integer[] AS bin_keys, NULL::bigint[] AS bin_counts, r.set_keys, r.sets"
)
_DELTA = (
    f"r.dimension, {_VALUE}, r.counter_keys, r.counter_amounts, NULL::integer[], NULL::bytea[], r.bin_keys,"
    " r.bin_counts, r.set_keys, r.sets"
)
_NOTHING = (
    f"{dimensions.TOTAL.number}::smallint, ''::text, NULL::integer[], NULL::bigint[], NULL::integer[], NULL::bytea[],"
    " NULL::integer[], NULL::bigint[], NULL::integer[], NULL::bytea[]"
)
_FIRST = (
    "SELECT bucket FROM {} WHERE organization_id = o.organization_id AND dimension = 0 AND value = ''{}"
    " AND bucket >= 0 ORDER BY bucket LIMIT 1"
)
# Who reads: the organization of the login, by the role that the session was opened with, which SET ROLE does not
# change. OFFSET 0 has it looked up once, and not for every row that is compared with it.
ORGANIZATION = """(
    SELECT o.* FROM bi_logins AS l JOIN organizations AS o USING (organization_id)
    WHERE l.role_name = session_user AND o.state = 'active'
    OFFSET 0
)"""
_READER = f"""(
    SELECT o.organization_id, o.time_zone, coalesce(f.widened_until, 0) AS widened_until,
        least(({_FIRST.format("rollups", " AND granularity = 1")}), ({_FIRST.format("deltas", "")})) AS first_bucket,
        (extract(epoch FROM now()) / {QUARTER.seconds})::integer + {MAX_AHEAD // QUARTER + 1} AS end_bucket
    FROM {ORGANIZATION} AS o LEFT JOIN folds AS f USING (organization_id)
    OFFSET 0
) AS me"""  # noqa: S608 - constants of this file
# The days of the organization, from that of its first event to that of the latest time that an event can have.
_DAYS = f"""(
    SELECT me.organization_id, me.widened_until, d.* FROM {_READER} JOIN {calendars.DAYS} AS d
        ON d.time_zone = me.time_zone AND d.end_bucket > me.first_bucket AND d.first_bucket < me.end_bucket
    OFFSET 0
) AS d"""  # noqa: S608 - constants of this file
_DAY_OF_BUCKET = f"""(
    SELECT * FROM {calendars.DAYS} AS c WHERE c.time_zone = me.time_zone AND c.first_bucket <= r.bucket
    ORDER BY c.first_bucket DESC LIMIT 1
) AS d"""  # noqa: S608 - constants of this file
_SIX, _HOUR, _DAY = int(Width.SIX_HOURS), int(Width.HOUR), int(Width.DAY)
# The rollups of a day: of the widths that it is whole in, or by quarter hour where it is not widened yet. A day of UTC
# is one row then, and one of any other zone at most twelve.
_SEGMENTS = f"""
CROSS JOIN LATERAL (
    SELECT (d.first_bucket + {_SIX - 1}) / {_SIX} * {_SIX} AS first_six, d.end_bucket / {_SIX} * {_SIX} AS end_six,
        (d.first_bucket + {_HOUR - 1}) / {_HOUR} * {_HOUR} AS first_hour,
        d.end_bucket / {_HOUR} * {_HOUR} AS end_hour,
        CASE WHEN d.end_bucket > d.widened_until / {_DAY} * {_DAY} THEN 0
            WHEN d.first_bucket % {_DAY} = 0 AND d.end_bucket - d.first_bucket = {_DAY} THEN 2 ELSE 1 END AS width
) AS w
CROSS JOIN LATERAL (VALUES
    (1, d.first_bucket, CASE w.width WHEN 0 THEN d.end_bucket WHEN 1 THEN w.first_hour ELSE 0 END),
    (1, w.end_hour, CASE w.width WHEN 1 THEN d.end_bucket ELSE 0 END),
    ({_HOUR}, w.first_hour, CASE w.width WHEN 1 THEN w.first_six ELSE 0 END),
    ({_HOUR}, w.end_six, CASE w.width WHEN 1 THEN w.end_hour ELSE 0 END),
    ({_SIX}, w.first_six, CASE w.width WHEN 1 THEN w.end_six ELSE 0 END),
    ({_DAY}, d.first_bucket, CASE w.width WHEN 2 THEN d.end_bucket ELSE 0 END)
) AS s(granularity, first, until)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSource:
    """Which rows are read: what the lookups are made for beside days, and their conditions.

    OFFSET 0 keeps the planner from turning the lookups round, whatever its statistics say. The condition that always
    holds lets it use the index by bucket.
    """

    source: str
    rollups: str
    deltas: str
    columns: str = ""
    has_every_day: bool = False

    def looked_up(self, table: str, conditions: str) -> str:
        """Returns SQL that looks rows up."""
        condition = self.rollups if table == "rollups" else self.deltas
        return (
            f"{self.source} CROSS JOIN LATERAL (SELECT * FROM {table} AS r WHERE {condition}"  # noqa: S608 - constants
            f" AND {conditions} OFFSET 0) AS r"
        )


_BY_BUCKET = "r.granularity + 0 > 0"
_OF_TOTAL = f"r.dimension = {dimensions.TOTAL.number} AND r.value = ''"
# The rows of the total, with one without figures for every day, so that no day is missing.
TOTAL = RowSource(source="", rollups=_OF_TOTAL, deltas=_OF_TOTAL, has_every_day=True)


def of(number: int) -> RowSource:
    """Returns the rows of one dimension that has values."""
    one = f"r.dimension = {number}"
    return RowSource(source="", rollups=f"{one} AND {_BY_BUCKET}", deltas=one)


def of_each(dimension: str) -> RowSource:
    """Returns the rows of each of the dimensions n, with their names, of a source of numbers and names."""
    one = "r.dimension = n.number"
    return RowSource(
        source=f" CROSS JOIN {dimension}",
        rollups=f"{one} AND {_BY_BUCKET}",
        deltas=one,
        columns=", n.name AS dimension_name",
    )


def daily(source: RowSource) -> str:
    """Returns SQL that reads rows by day."""
    rollups = source.looked_up(
        "rollups",
        "r.organization_id = d.organization_id AND r.granularity = s.granularity AND r.bucket >= s.first"
        " AND r.bucket < s.until",
    )
    deltas = source.looked_up("deltas", "r.organization_id = me.organization_id")
    every_day = f"UNION ALL SELECT d.day, {_NOTHING} FROM {_DAYS}" if source.has_every_day else ""  # noqa: S608
    return f"""
        SELECT d.day, {_ROLLUP}{source.columns} FROM {_DAYS} {_SEGMENTS} {rollups} WHERE s.first < s.until
        UNION ALL
        SELECT d.day, {_DELTA}{source.columns} FROM {_READER} {deltas} CROSS JOIN LATERAL {_DAY_OF_BUCKET}
        {every_day}
    """  # noqa: S608 - constants of this file


# An hour of the wall begins where its minutes are 0, or where the clock changes.
_AHEAD = "CASE WHEN r.bucket >= d.change_bucket THEN d.ahead_after ELSE d.ahead END"
_HOUR_START = f"""greatest(r.bucket - (r.bucket + {_AHEAD}) % {_HOUR},
    CASE WHEN r.bucket >= d.change_bucket THEN d.change_bucket END)"""


def hourly(source: RowSource) -> str:
    """Returns SQL that reads rows by hour."""
    hour = f"{_HOUR_START} AS hour_bucket, {_AHEAD} AS ahead"
    rollups = source.looked_up(
        "rollups",
        f"r.organization_id = d.organization_id AND r.granularity = {int(Width.QUARTER)}"
        " AND r.bucket >= d.first_bucket AND r.bucket < d.end_bucket",
    )
    deltas = source.looked_up("deltas", "r.organization_id = me.organization_id")
    return f"""
        SELECT d.day, {hour}, {_ROLLUP}{source.columns} FROM {_DAYS} {rollups}
        UNION ALL
        SELECT d.day, {hour}, {_DELTA}{source.columns} FROM {_READER} {deltas} CROSS JOIN LATERAL {_DAY_OF_BUCKET}
    """  # noqa: S608 - constants of this file


def day_of(instant: str) -> str:
    """Returns SQL for the day, in the zone of the organization that reads, that holds an instant."""
    bucket = f"floor(extract(epoch FROM {instant}) / {QUARTER.seconds})::integer"
    return (
        f"(SELECT c.day FROM {calendars.DAYS} AS c WHERE c.time_zone = me.time_zone"  # noqa: S608 - constants
        f" AND c.first_bucket <= {bucket} ORDER BY c.first_bucket DESC LIMIT 1)"
    )
