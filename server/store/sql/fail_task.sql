-- Records that a claimed task failed, in its row and in that of its schedule. Returns what the task is then if the
-- claim still held: queued again, dead after its last try, or cancelled if somebody asked for that meanwhile. So it
-- does if the failure is recorded already: the answer to that may have been lost.
--
-- Parameters
--   task_id, epoch                     bigint, integer: the claim
--   error                              text
--   pause                              interval: until the next try
WITH ended AS (
    UPDATE tasks SET error = :error, owner = NULL, lease_until = NULL, run_at = now() + :pause::interval,
        state = CASE WHEN cancel_requested THEN 'cancelled' WHEN attempts < tries THEN 'queued' ELSE 'dead' END,
        ended_at = CASE WHEN attempts < tries AND NOT cancel_requested THEN NULL ELSE now() END
    WHERE task_id = :task_id AND epoch = :epoch AND state = 'running'
    RETURNING state, schedule, organization_id, error
), told AS (
    UPDATE schedules AS s SET failed_at = now(), failures = failures + 1, error = ended.error
    FROM ended WHERE s.name = ended.schedule AND s.organization_id = ended.organization_id
)
SELECT state FROM ended
UNION ALL
SELECT state FROM tasks
WHERE task_id = :task_id AND epoch = :epoch AND state IN ('queued', 'dead', 'cancelled') AND error = :error
