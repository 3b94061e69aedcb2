-- Returns all schedules by name, those of organizations as one row, and so those that people have made, whose names are
-- their kind and an id, as in "scheduled_report 1f2e".
WITH running AS (
    SELECT split_part(schedule, ' ', 1) AS schedule, count(*) AS tasks, min(owner) AS owner FROM tasks
    WHERE state = 'running' AND schedule IS NOT NULL GROUP BY 1
)
SELECT split_part(name, ' ', 1) AS name, min(kind) AS kind, min(cron) AS cron,
    min(time_zone) FILTER (WHERE organization_id = 0) AS time_zone,
    count(*) FILTER (WHERE organization_id > 0) AS organizations,
    count(*) FILTER (WHERE paused OR held) AS paused,
    coalesce(min(running.tasks), 0) AS running,
    min(running.owner) AS running_by,
    min(next_run_at) FILTER (WHERE NOT (paused OR held)) AS next_run_at,
    max(started_at) AS started_at, max(finished_at) AS finished_at, max(failed_at) AS failed_at,
    sum(runs)::bigint AS runs, sum(failures)::bigint AS failures, count(error) AS failing,
    (array_agg(error ORDER BY failed_at DESC) FILTER (WHERE error IS NOT NULL))[1] AS error
FROM schedules LEFT JOIN running ON running.schedule = split_part(schedules.name, ' ', 1)
GROUP BY 1 ORDER BY count(*) FILTER (WHERE organization_id > 0) > 0, 1
