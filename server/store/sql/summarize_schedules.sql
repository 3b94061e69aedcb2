-- Returns all schedules by name, those of organizations as one row.
WITH running AS (
    SELECT schedule, count(*) AS tasks, min(owner) AS owner FROM tasks
    WHERE state = 'running' AND schedule IS NOT NULL GROUP BY schedule
)
SELECT name, min(kind) AS kind, min(cron) AS cron,
    min(time_zone) FILTER (WHERE organization_id = 0) AS time_zone,
    count(*) FILTER (WHERE organization_id > 0) AS organizations,
    count(*) FILTER (WHERE paused) AS paused,
    coalesce(min(running.tasks), 0) AS running,
    min(running.owner) AS running_by,
    min(next_run_at) FILTER (WHERE NOT paused) AS next_run_at,
    max(started_at) AS started_at, max(finished_at) AS finished_at, max(failed_at) AS failed_at,
    sum(runs)::bigint AS runs, sum(failures)::bigint AS failures, count(error) AS failing,
    (array_agg(error ORDER BY failed_at DESC) FILTER (WHERE error IS NOT NULL))[1] AS error
FROM schedules LEFT JOIN running ON running.schedule = schedules.name
GROUP BY name ORDER BY count(*) FILTER (WHERE organization_id > 0) > 0, name
