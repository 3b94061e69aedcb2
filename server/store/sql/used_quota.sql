-- What an organization has stored of its quota of events in a month of UTC. No row where it has no quota, or has stored
-- nothing.
--
-- Parameters
--   organization_id                    integer
--   now                                timestamptz: its month counts
--   default_quota                      bigint: of organizations without a quota of their own; 0 is none
SELECT date_trunc('month', :now::timestamptz AT TIME ZONE 'UTC')::date AS month, r.month_events AS used,
    coalesce(o.monthly_events, :default_quota::bigint) AS quota
FROM revisions AS r JOIN organizations AS o USING (organization_id)
WHERE r.organization_id = :organization_id AND o.state IN ('active', 'suspended')
    AND coalesce(o.monthly_events, :default_quota) > 0 AND r.month_events > 0
    AND r.revised_at >= date_trunc('month', :now::timestamptz AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
