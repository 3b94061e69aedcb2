-- Returns schedules as commands show them, by name, those of the service (organization 0) before those of
-- organizations.
--
-- Parameters
--   name                               text: of one schedule; NULL for all
--   organization_id                    integer: whose schedules; NULL for everybody's
SELECT name, organization_id, kind, cron, time_zone, catch_up, next_run_at, paused OR held AS paused,
    (SELECT min(owner) FROM tasks AS t WHERE t.kind = s.kind AND t.organization_id = s.organization_id
        AND t.state = 'running' AND t.schedule = s.name) AS running_by,
    started_at, finished_at, failed_at, error, runs, failures, result::text
FROM schedules AS s
WHERE (:name::text IS NULL OR name = :name)
    AND (:organization_id::integer IS NULL OR organization_id = :organization_id)
ORDER BY organization_id > 0, name, organization_id
