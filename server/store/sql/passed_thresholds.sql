-- Organizations of whose monthly quota of events another threshold is passed than they have been told: a higher one,
-- or, since their quota is another one, a lower one.
--
-- Parameters
--   now                                timestamptz: its month of UTC counts
--   default_quota                      bigint: of organizations without a quota of their own; 0 is none
--   thresholds                         integer[]: percent
--   limit                              integer: the most organizations
--
-- STORED has the events of the month of organizations, as revisions has them.
WITH used AS (
    SELECT r.organization_id, date_trunc('month', :now::timestamptz AT TIME ZONE 'UTC')::date AS month,
        r.month_events AS used, coalesce(o.monthly_events, :default_quota::bigint) AS quota
    FROM :STORED AS r JOIN organizations AS o USING (organization_id)
    WHERE o.state IN ('active', 'suspended') AND coalesce(o.monthly_events, :default_quota) > 0 AND r.month_events > 0
        AND r.revised_at >= date_trunc('month', :now::timestamptz AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
), passed AS (
    SELECT organization_id, month, quota, coalesce((
        SELECT max(one) FROM unnest(:thresholds::integer[]) AS one WHERE used * 100.0 >= quota::numeric * one
    ), 0) AS threshold
    FROM used
)
SELECT p.organization_id
FROM passed AS p LEFT JOIN quota_notices AS n USING (organization_id)
WHERE CASE
    WHEN n.month IS NULL OR n.month < p.month THEN p.threshold > 0
    WHEN n.month > p.month THEN false
    ELSE p.threshold > n.threshold OR (p.threshold < n.threshold AND p.quota <> n.quota)
END
ORDER BY p.organization_id LIMIT :limit
