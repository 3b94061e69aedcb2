-- Reads what events were that revisions after a position have corrected or retracted, as far as they came before the
-- position: what a projection that follows them has taken in of them.
--
-- Parameters
--   organization_id                    integer
--   revision                           bigint: the position
--   until                              bigint: the last revision that is wanted
--
-- COLUMNS and CONDITION say what a projection needs of which events.
SELECT replaced_revision, (extract(epoch FROM received_at) * 1000000)::bigint,
    (extract(epoch FROM occurred_at) * 1000000)::bigint, event_key, event_type, :COLUMNS
FROM replaced_events
WHERE organization_id = :organization_id AND revision > :revision AND revision <= :until
    AND replaced_revision <= :revision AND (:CONDITION)
ORDER BY revision
