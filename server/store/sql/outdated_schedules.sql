-- Returns the schedules that are missing or differ from their definitions, with the time zone that each
-- must have: UTC for those of the service (organization 0), its own for those of an organization.
--
-- Parameters, one element for each definition
--   names, kinds, crons, catch_ups     text[]
--   per_organization                   boolean[]: one schedule for each organization, in place of one of the service
SELECT w.name, o.organization_id, o.time_zone, now()
FROM unnest(:names::text[], :kinds::text[], :crons::text[], :catch_ups::text[], :per_organization::boolean[])
    AS w(name, kind, cron, catch_up, per_organization)
CROSS JOIN LATERAL (
    SELECT 0 AS organization_id, 'UTC' AS time_zone WHERE NOT w.per_organization
    UNION ALL
    SELECT organization_id, time_zone FROM organizations WHERE w.per_organization AND state IN ('active', 'suspended')
) AS o
LEFT JOIN schedules AS s ON s.name = w.name AND s.organization_id = o.organization_id
WHERE s.name IS NULL
    OR (s.kind, s.cron, s.time_zone, s.catch_up) IS DISTINCT FROM (w.kind, w.cron, o.time_zone, w.catch_up)
ORDER BY w.name, o.organization_id
