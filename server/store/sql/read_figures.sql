-- Reads the figures of selections from rollups and from deltas that are not folded yet, and the snapshot's revision.
--
-- A row is figures of a selection, by its place in the question ("point"), or the instant of the snapshot ("at"), with
-- the first quarter hour that has any event as counter_keys and the revisions of projections as counter_amounts.
-- With read_event_types.sql behind it, a row may also be the counter of an event type ("name" and "number").
--
-- Parameters
--   organization_id                    integer
--   dimensions, names                  smallint[], text[]: the few values that selections are about; segments and
--                                      spans name one by its place ("part")
--   with_bins, with_sets               boolean[]: whether histograms and sets are wanted of each
--   segment_points, segment_parts, segment_firsts, segment_lasts, segment_widths
--                                      the rollups to read: quarter hours [first, last) in rollups of a width
--   span_points, span_parts, span_firsts, span_lasts
--                                      the deltas to read: quarter hours [first, last)
--                                      Both come as the texts of integer arrays: there may be thousands of elements,
--                                      and the driver looks at each element of a list.
--   counters                           integer[]: the keys of the counters to read
--   histograms                         integer[]: the numbers of the measures whose bins to read
--   sets                               integer[]: the numbers of the measures whose sets to read
--   projections                        text[]: the projections whose revisions to read
--
-- OFFSET 0 keeps the planner from turning the lookups round: one range of a primary key for each segment is right
-- whatever the statistics say, and after a burst of ingest they say nothing.
WITH widened AS MATERIALIZED (
    SELECT coalesce((SELECT widened_until FROM folds WHERE organization_id = :organization_id), 0) AS until
), segments AS MATERIALIZED (
    -- Rollups of a width end at whole_until. After it days, hours and quarter hours take the place of wider ones.
    SELECT point, (:dimensions::smallint[])[part] AS dimension, (:names::text[])[part] AS value,
        (:with_bins::boolean[])[part] AND cardinality(:histograms::integer[]) > 0 AS bins,
        (:with_sets::boolean[])[part] AS with_sets,
        granularity, first, last, until,
        until - until % greatest(granularity, 1) AS whole_until,
        until - until % :DAY AS days_until
    FROM unnest(:segment_points::text::integer[], :segment_parts::text::integer[], :segment_firsts::text::integer[],
        :segment_lasts::text::integer[], :segment_widths::text::integer[]) AS s(point, part, first, last, granularity)
    CROSS JOIN widened
), spans AS NOT MATERIALIZED (
    -- Used three times: reading them anew costs less than keeping them.
    SELECT point, (:dimensions::smallint[])[part] AS dimension, (:names::text[])[part] AS value,
        (:with_bins::boolean[])[part] AND cardinality(:histograms::integer[]) > 0 AS bins,
        (:with_sets::boolean[])[part] AS with_sets,
        first, last
    FROM unnest(:span_points::text::integer[], :span_parts::text::integer[], :span_firsts::text::integer[],
        :span_lasts::text::integer[]) AS s(point, part, first, last)
    OFFSET 0
)
-- Rollups are few for each point. They are added up by the service, which costs less than sorting what they hold by
-- key here. Counters come as bytes: for the driver to decode them one by one costs half as much again.
SELECT s.point, NULL::text AS name, NULL::bigint AS number, NULL::timestamptz AS at,
    array_send(r.counter_keys) AS counter_keys, array_send(r.counter_amounts) AS counter_amounts,
    NULL::bytea AS bin_keys, NULL::bytea AS bin_counts,
    CASE WHEN o.histograms IS NOT NULL THEN ARRAY[:ROLLUP_HISTOGRAMS]::bytea[] END AS histograms,
    CASE WHEN o.sets IS NOT NULL THEN ARRAY[:ROLLUP_SETS]::bytea[] END AS sets
FROM segments AS s
CROSS JOIN LATERAL (
    (
        SELECT counter_keys, counter_amounts, histogram_keys, histograms, set_keys, sets FROM rollups
        WHERE organization_id = :organization_id AND dimension = s.dimension AND value = s.value
            AND granularity = s.granularity AND bucket >= s.first
            AND bucket < CASE WHEN s.granularity > 1 THEN least(s.last, s.whole_until) ELSE s.last END
        OFFSET 0
    )
    UNION ALL
    (
        SELECT counter_keys, counter_amounts, histogram_keys, histograms, set_keys, sets FROM rollups
        WHERE s.granularity > :DAY AND s.last > s.whole_until
            AND organization_id = :organization_id AND dimension = s.dimension AND value = s.value
            AND granularity = :DAY AND bucket >= greatest(s.first, s.whole_until)
            AND bucket < least(s.last, s.days_until)
        OFFSET 0
    )
    UNION ALL
    (
        SELECT counter_keys, counter_amounts, histogram_keys, histograms, set_keys, sets FROM rollups
        WHERE s.granularity > :HOUR AND s.last > s.whole_until
            AND organization_id = :organization_id AND dimension = s.dimension AND value = s.value
            AND granularity = :HOUR AND bucket >= greatest(s.first, s.whole_until, s.days_until)
            AND bucket < least(s.last, s.until)
        OFFSET 0
    )
    UNION ALL
    (
        SELECT counter_keys, counter_amounts, histogram_keys, histograms, set_keys, sets FROM rollups
        WHERE s.granularity > 1 AND s.last > s.until
            AND organization_id = :organization_id AND dimension = s.dimension AND value = s.value
            AND granularity = 1 AND bucket >= greatest(s.first, s.until) AND bucket < s.last
        OFFSET 0
    )
) AS r
-- Histograms and sets of many days are stored out of line. Taken from there, each of a row would have them all read
-- again.
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN s.bins AND r.histogram_keys && :histograms::integer[] THEN r.histograms || '{}'::bytea[] END
            AS histograms,
        CASE WHEN s.with_sets AND r.set_keys && :sets::integer[] THEN r.sets || '{}'::bytea[] END AS sets
    OFFSET 0
) AS o
UNION ALL
-- Deltas may be any number. Their counters and bins are added up here.
:DELTAS
UNION ALL
SELECT point, NULL, NULL, NULL, NULL, NULL, array_send(array_agg(key)), array_send(array_agg(count)), NULL, NULL
FROM (
    SELECT point, key, greatest(least(sum(count), :LARGEST), -:LARGEST)::bigint AS count
    FROM (
        SELECT s.point, unnest(r.bin_keys) AS key, unnest(r.bin_counts) AS count
        FROM spans AS s
        CROSS JOIN LATERAL (
            SELECT bin_keys, bin_counts FROM deltas
            WHERE organization_id = :organization_id AND dimension = s.dimension AND value = s.value
                AND bucket >= s.first AND bucket < s.last
            OFFSET 0
        ) AS r
        WHERE s.bins
    ) AS b
    WHERE key / :KEY_SPAN = ANY(:histograms)
    GROUP BY point, key
) AS b
GROUP BY point
UNION ALL
SELECT s.point, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, ARRAY[:DELTA_SETS]::bytea[]
FROM spans AS s
CROSS JOIN LATERAL (
    SELECT set_keys, sets FROM deltas
    WHERE organization_id = :organization_id AND dimension = s.dimension AND value = s.value
        AND bucket >= s.first AND bucket < s.last
    OFFSET 0
) AS r
WHERE s.with_sets AND r.set_keys && :sets::integer[]
UNION ALL
SELECT NULL, epoch::text, coalesce((SELECT revision FROM revisions WHERE organization_id = :organization_id), 0),
    clock_timestamp(),
    -- The first quarter hour with any event: the first entry of the total in each primary key.
    int4send(least(
        (SELECT bucket FROM rollups
            WHERE organization_id = :organization_id AND dimension = :TOTAL AND value = '' AND granularity = 1
                AND bucket >= 0
            ORDER BY bucket LIMIT 1),
        (SELECT bucket FROM deltas
            WHERE organization_id = :organization_id AND dimension = :TOTAL AND value = '' AND bucket >= 0
            ORDER BY bucket LIMIT 1)
    )),
    array_send(ARRAY(
        SELECT coalesce((SELECT revision FROM projections
            WHERE organization_id = :organization_id AND name = wanted.name), 0)
        FROM unnest(:projections::text[]) WITH ORDINALITY AS wanted(name, place) ORDER BY place
    )), NULL, NULL, NULL, NULL
FROM deployment
WHERE only_row
