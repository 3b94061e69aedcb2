-- Ends runs of reports whose tasks have ended without recording what became of the run: those that are dead, since
-- their workers were gone each time, cancelled by an operator, or removed. Returns the runs.
--
-- Parameters
--   limit                              integer: the most runs to end
WITH stuck AS (
    SELECT u.organization_id, u.run_id, t.state FROM report_runs AS u LEFT JOIN tasks AS t USING (task_id)
    WHERE u.state IN ('pending', 'running')
        AND (t.task_id IS NULL OR t.state IN ('done', 'dead', 'cancelled'))
        -- The task is recorded as ended a moment after the run.
        AND (t.task_id IS NOT NULL OR u.created_at < now() - interval '1 minute')
    ORDER BY u.created_at LIMIT :limit FOR UPDATE OF u SKIP LOCKED
)
UPDATE report_runs AS u SET ended_at = now(),
    state = CASE WHEN stuck.state = 'cancelled' THEN 'cancelled' ELSE 'failed' END,
    error = CASE WHEN stuck.state = 'cancelled' THEN NULL
        ELSE 'the workers that made it were gone before it was done' END
FROM stuck WHERE u.organization_id = stuck.organization_id AND u.run_id = stuck.run_id
RETURNING u.organization_id, u.run_id
