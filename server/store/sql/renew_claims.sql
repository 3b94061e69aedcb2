-- Makes the leases of running tasks last from now on and records their progress. Returns the claims that still hold,
-- and whether somebody wants their tasks cancelled.
--
-- Parameters
--   task_ids, epochs                   bigint[], integer[]: the claims
--   shares, lines                      real[], text[]: their progress
--   lease                              interval
UPDATE tasks AS t SET lease_until = now() + :lease::interval, progress = c.share, progress_line = c.line
FROM unnest(:task_ids::bigint[], :epochs::integer[], :shares::real[], :lines::text[]) AS c(task_id, epoch, share, line)
WHERE t.task_id = c.task_id AND t.epoch = c.epoch AND t.state = 'running'
RETURNING t.task_id, t.epoch, t.cancel_requested
