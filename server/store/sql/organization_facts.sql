-- What pages show of what an organization has stored: the database's time, the events of this month of UTC, and the
-- first quarter hour that has any event.
--
--   :organization_id
SELECT now(),
    coalesce((
        SELECT month_events FROM revisions WHERE organization_id = :organization_id
            AND date_trunc('month', revised_at AT TIME ZONE 'UTC') = date_trunc('month', now() AT TIME ZONE 'UTC')
    ), 0),
    -- The first entry of the total in each primary key.
    least(
        (SELECT bucket FROM rollups
            WHERE organization_id = :organization_id AND dimension = 0 AND value = '' AND granularity = 1
            ORDER BY bucket LIMIT 1),
        (SELECT bucket FROM deltas WHERE organization_id = :organization_id AND dimension = 0 AND value = ''
            ORDER BY bucket LIMIT 1)
    )
