-- Takes the next revision of organizations and holds their rows until COMMIT.
--
-- Parameters, one element for each organization, in order
--   organizations                      integer[]
--   events                             integer[]: how many events each stores
--
-- The events of the month start anew with the first revision of a month (UTC); revised_at tells which month they are
-- of. The time is taken when the row is locked, and only once, else a revision could be of one month and count in
-- another.
-- pairs are those that the revision has to count: nobody declares others while the row is held. erasures is how often
-- what is known of erased users has changed: nobody changes it while the row is held.
INSERT INTO revisions AS r (organization_id, revision, revised_at, month_events)
SELECT organization_id, 1, clock_timestamp(), events
FROM unnest(:organizations::integer[], :events::integer[]) AS given(organization_id, events)
ON CONFLICT (organization_id) DO UPDATE SET (revision, revised_at, month_events) = (
    SELECT r.revision + 1, n.at, excluded.month_events + CASE
        WHEN date_trunc('month', r.revised_at AT TIME ZONE 'UTC') = date_trunc('month', n.at AT TIME ZONE 'UTC')
        THEN r.month_events ELSE 0 END
    FROM (SELECT greatest(clock_timestamp(), r.revised_at) AS at OFFSET 0) n
)
RETURNING organization_id, revision, revised_at, month_events, pairs, erasures
