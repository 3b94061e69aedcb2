-- Returns schedules as commands show them, by name, those of the service (organization 0) before those of
-- organizations.
--
-- Parameters
--   name                               text: of one schedule; NULL for all
--   organization_id                    integer: whose schedules; NULL for everybody's
--   after_organization_id              integer: only those behind this organization's schedule after_name, in the order
--                                      of organizations and names; NULL for all
--   after_name                         text: see above
--   most                               integer: the most to return; NULL for all
SELECT name, organization_id, (SELECT o.name FROM organizations AS o WHERE o.organization_id = s.organization_id)
        AS organization,
    kind, cron, time_zone, catch_up, next_run_at, paused OR held AS paused, held,
    (SELECT min(owner) FROM tasks AS t WHERE t.kind = s.kind AND t.organization_id = s.organization_id
        AND t.state = 'running' AND t.schedule = s.name) AS running_by,
    started_at, finished_at, failed_at, error, runs, failures, result::text
FROM schedules AS s
WHERE (:name::text IS NULL OR name = :name)
    AND (:organization_id::integer IS NULL OR organization_id = :organization_id)
    AND (:after_organization_id::integer IS NULL
        OR (organization_id, name) > (:after_organization_id, :after_name::text))
ORDER BY CASE WHEN :most::integer IS NULL THEN organization_id > 0 END,
    CASE WHEN :most::integer IS NOT NULL THEN organization_id END, name, organization_id
LIMIT :most
