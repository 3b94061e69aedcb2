-- Takes rules of alerts that are due and that nobody holds, and holds them: those that are due for longest first,
-- and of those that are due as long, the ones of an organization together, since they are read together.
--
-- Parameters
--   now                                timestamptz
--   lease                              interval
--   most                               bigint
--
-- A rule that is looked at early is due between its steps, too, if there is news and some seconds have passed. NEWEST
-- has the newest revision of organizations.
UPDATE alert_rules AS r SET leased_until = :now + :lease
FROM (
    SELECT a.organization_id, a.rule_id
    FROM alert_rules AS a
    WHERE NOT a.is_disabled AND a.leased_until <= :now AND (
        a.next_run_at <= :now
        OR a.is_early AND a.looked_at <= :now - interval '3 s' AND a.evaluated_revision < (
            SELECT v.revision FROM :NEWEST AS v WHERE v.organization_id = a.organization_id
        )
    )
    ORDER BY a.next_run_at, a.organization_id
    LIMIT :most
    FOR UPDATE OF a SKIP LOCKED
) AS due
WHERE r.organization_id = due.organization_id AND r.rule_id = due.rule_id
RETURNING r.organization_id, r.rule_id, r.draft::text AS draft, r.owner, r.version, r.created_at, r.updated_at,
    r.updated_by, r.snoozed_until, r.generation, r.begun_at, r.evaluated_until, r.evaluated_revision,
    r.restricted_dimension, r.restricted_values
