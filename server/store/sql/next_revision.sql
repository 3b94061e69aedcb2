-- Takes the next revision of an organization where tables are distributed, and holds its row until COMMIT.
--
-- Parameters
--   organization_id                    integer
--   events                             integer: how many events it stores
--
-- As next_revisions.sql, but for the time, which is that of the statement: nodes take no expression that could differ
-- from row to row. It never goes back, and it is the same in both columns.
INSERT INTO revisions AS r (organization_id, revision, revised_at, month_events)
VALUES (:organization_id, 1, clock_timestamp(), :events)
ON CONFLICT (organization_id) DO UPDATE SET
    revision = r.revision + 1,
    revised_at = greatest(excluded.revised_at, r.revised_at),
    month_events = excluded.month_events + CASE
        WHEN date_trunc('month', r.revised_at AT TIME ZONE 'UTC')
            = date_trunc('month', greatest(excluded.revised_at, r.revised_at) AT TIME ZONE 'UTC')
        THEN r.month_events ELSE 0 END
RETURNING organization_id, revision, revised_at, month_events, pairs, erasures
