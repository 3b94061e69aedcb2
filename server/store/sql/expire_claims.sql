-- Takes tasks from workers whose leases are over: each is queued again at once, dead after its last try, or cancelled
-- if somebody asked for that. Returns them as they are then.
--
-- Parameters
--   error                              text: what is recorded as the failure
WITH expired AS (
    SELECT task_id FROM tasks WHERE state = 'running' AND lease_until < now() FOR UPDATE SKIP LOCKED
), ended AS (
    UPDATE tasks AS t SET error = :error, owner = NULL, lease_until = NULL, run_at = now(),
        state = CASE WHEN cancel_requested THEN 'cancelled' WHEN attempts < tries THEN 'queued' ELSE 'dead' END,
        ended_at = CASE WHEN attempts < tries AND NOT cancel_requested THEN NULL ELSE now() END
    FROM expired WHERE t.task_id = expired.task_id
    RETURNING t.task_id, t.epoch, t.kind, t.state, t.attempts, t.schedule, t.organization_id, t.error
), told AS (
    UPDATE schedules AS s SET failed_at = now(), failures = failures + 1, error = ended.error
    FROM ended WHERE s.name = ended.schedule AND s.organization_id = ended.organization_id
)
SELECT task_id, epoch, kind, state, attempts, organization_id, error FROM ended
