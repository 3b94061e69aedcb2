-- Takes tasks of a kind that are due for a worker. Whoever runs this has locked the kind's row in task_kinds, so that
-- nobody else takes tasks of the kind at the same time.
--
-- Parameters
--   kind                               text
--   after                              integer: organizations up to this one are passed over
--   wanted                             integer: how many tasks at most
--   concurrency, per_organization      integer: how many tasks of the kind may run, and how many of one organization
--   owner                              text: the worker
--   lease                              interval
--
-- A task with a higher priority comes first. Otherwise every organization gets one task before any gets a second one,
-- those that it has running included. :ORGANIZATIONS organizations that have queued tasks are looked at. The service's
-- own tasks (organization 0) have no limit but the kind's. Tasks of organizations that are to be deleted wait.
--
-- Returns a row for each task, or one without a task. Each says behind which organization the next claim goes on: the
-- last one that got a task where some of those looked at have to wait for room, else the last one looked at, or -1
-- where there is none behind that. NULL: none got a task, and those that wait are next.
WITH RECURSIVE busy AS MATERIALIZED (
    SELECT organization_id, count(*) AS tasks FROM tasks WHERE kind = :kind AND state = 'running' GROUP BY 1
), turns AS (
    (SELECT organization_id, 1 AS turn FROM tasks
        WHERE kind = :kind AND state = 'queued' AND organization_id > :after::integer
     ORDER BY organization_id LIMIT 1)
    UNION ALL
    SELECT n.organization_id, turn + 1 FROM turns CROSS JOIN LATERAL (
        SELECT organization_id FROM tasks
        WHERE kind = :kind AND state = 'queued' AND organization_id > turns.organization_id
        ORDER BY organization_id LIMIT 1
    ) AS n WHERE turn < :ORGANIZATIONS
), candidates AS (
    SELECT q.task_id, q.priority, q.place + coalesce(busy.tasks, 0) AS place, turns.turn
    FROM turns LEFT JOIN busy USING (organization_id) CROSS JOIN LATERAL (
        SELECT task_id, priority, row_number() OVER (ORDER BY priority DESC, run_at, task_id) AS place FROM tasks
        WHERE kind = :kind AND organization_id = turns.organization_id AND state = 'queued' AND run_at <= now()
        ORDER BY priority DESC, run_at, task_id LIMIT :wanted::bigint
    ) AS q
    WHERE organization_id = 0 OR q.place + coalesce(busy.tasks, 0) <= :per_organization::bigint AND NOT EXISTS (
        SELECT FROM organizations AS o
        WHERE o.organization_id = turns.organization_id AND o.state IN ('deleting', 'deleted')
    )
), chosen AS (
    SELECT task_id, turn FROM candidates ORDER BY priority DESC, place, turn
    LIMIT least(:wanted::bigint, greatest(:concurrency::bigint - (SELECT count(*) FROM tasks
        WHERE kind = :kind AND state = 'running'), 0))
), locked AS (
    SELECT t.task_id, chosen.turn FROM tasks AS t JOIN chosen USING (task_id)
    WHERE t.state = 'queued' FOR UPDATE OF t SKIP LOCKED
), claimed AS (
    UPDATE tasks AS t SET state = 'running', epoch = t.epoch + 1, attempts = t.attempts + 1, owner = :owner,
        lease_until = now() + :lease::interval, started_at = now(), progress = 0, progress_line = ''
    FROM locked WHERE t.task_id = locked.task_id
    RETURNING t.*, locked.turn
), told AS (
    UPDATE schedules AS s SET started_at = now() FROM claimed AS c
    WHERE s.name = c.schedule AND s.organization_id = c.organization_id
), walk AS (
    SELECT CASE
        WHEN (SELECT count(*) FROM candidates) > (SELECT count(*) FROM chosen)
        THEN (SELECT organization_id FROM turns WHERE turn = (SELECT max(turn) FROM chosen))
        WHEN (SELECT count(*) FROM turns) = :ORGANIZATIONS THEN (SELECT max(organization_id) FROM turns)
        ELSE -1
    END AS behind
)
SELECT walk.behind, c.task_id, c.epoch, c.kind, c.organization_id, c.payload::text, c.attempts, c.tries, now() AS at,
    c.period, coalesce(c.result, s.result)::text AS last
FROM walk LEFT JOIN claimed AS c ON true
LEFT JOIN schedules AS s ON s.name = c.schedule AND s.organization_id = c.organization_id
ORDER BY c.turn
