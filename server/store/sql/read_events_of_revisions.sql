-- Reads the raw events of a range of revisions, by revision, and by time within it.
--
-- Parameters
--   organization_id                    integer
--   first, last                        bigint: the revisions, both included
--   first_at, last_at                  timestamptz: when those were made; they say which partitions to look into
SELECT :COLUMNS
FROM events
WHERE organization_id = :organization_id
    AND revision BETWEEN :first AND :last
    AND received_at BETWEEN :first_at AND :last_at
ORDER BY revision, occurred_at, event_key
