-- Queues tasks, without those that exist already: as the same run of a schedule, or under a dedupe key that has not
-- ended. Returns the ids of the new ones.
--
-- Parameters, one element for each task
--   kind, schedule, dedupe_key         text[]; the latter two may be NULL
--   organization_id                    integer[]
--   payload                            text[]: JSON
--   priority, tries                    smallint[]
--   run_in                             interval[]: how long it waits at least
--   period                             timestamptz[]: the schedule's; may be NULL
INSERT INTO tasks (kind, organization_id, payload, priority, tries, run_at, dedupe_key, schedule, period)
SELECT kind, organization_id, payload::jsonb, priority, tries, now() + run_in, dedupe_key, schedule, period
FROM unnest(:kind::text[], :organization_id::integer[], :payload::text[], :priority::smallint[], :tries::smallint[],
    :run_in::interval[], :dedupe_key::text[], :schedule::text[], :period::timestamptz[])
    AS new(kind, organization_id, payload, priority, tries, run_in, dedupe_key, schedule, period)
ON CONFLICT DO NOTHING
RETURNING task_id
