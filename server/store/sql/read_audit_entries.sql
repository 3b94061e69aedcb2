-- Entries of an organization's audit trail before a number, newest first. Numbers have no gaps, so what is looked at is
-- bounded by :first.
--   :organization_id, :before, :first: the numbers that are looked at, the first with and the last without
--   :actor_kind, :actor_id, :actions (how the action begins), :subject, :since, :until: NULL where it does not matter
--   :digest: what the subject may be told as instead; NULL: nothing
--   :limit: the most to return
SELECT organization_id, number, at, actor_kind, actor_id, peer, action, subject, before, after, previous_hash, hash
FROM audit_entries
WHERE organization_id = :organization_id
    AND number < :before AND number >= :first
    AND (:actor_kind::text IS NULL OR actor_kind = :actor_kind)
    AND (:actor_id::text IS NULL OR actor_id = :actor_id)
    AND (:actions::text IS NULL OR starts_with(action, :actions))
    AND (:subject::text IS NULL OR subject IN (:subject, :digest))
    AND (:since::timestamptz IS NULL OR at >= :since)
    AND (:until::timestamptz IS NULL OR at < :until)
ORDER BY number DESC
LIMIT :limit
