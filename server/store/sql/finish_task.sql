-- Records that a claimed task succeeded, in its row and in that of its schedule. Returns a row if the claim still held,
-- or if its success is recorded already: the answer to that may have been lost.
--
-- Parameters
--   task_id, epoch                     bigint, integer: the claim
--   result                             text: JSON
--   more                               boolean: there is more to do, and the task is queued again at once
WITH ended AS (
    UPDATE tasks SET result = :result::text::jsonb, error = NULL, owner = NULL, lease_until = NULL,
        state = CASE WHEN :more::boolean THEN 'queued' ELSE 'done' END,
        run_at = CASE WHEN :more THEN now() ELSE run_at END,
        attempts = CASE WHEN :more THEN 0 ELSE attempts END,
        progress = CASE WHEN :more THEN progress ELSE 1 END,
        ended_at = CASE WHEN :more THEN NULL ELSE now() END
    WHERE task_id = :task_id AND epoch = :epoch AND state = 'running'
    RETURNING schedule, organization_id, result
), told AS (
    UPDATE schedules AS s SET finished_at = now(), runs = runs + 1, error = NULL, result = ended.result
    FROM ended WHERE s.name = ended.schedule AND s.organization_id = ended.organization_id
)
SELECT 1 FROM ended
UNION ALL
SELECT 1 FROM tasks
WHERE task_id = :task_id AND epoch = :epoch
    AND (state = 'done' OR (:more AND state = 'queued' AND error IS NULL AND result = :result::text::jsonb))
