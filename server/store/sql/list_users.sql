-- Returns users in an order, those after a place, by what is known of them.
--
-- CANDIDATES reads the users that are put in order, SORT is what orders them, of the type TYPE, and THAN says whether
-- the next one has more or less of it; those without it come last. Those with as much of it come by user_id.
--
-- Parameters, with those of CANDIDATES
--   organization_id                    integer
--   most                               bigint: how many candidates to look at
--   after                              text: the user_id of the place; empty: the list begins
--   value                              text: what orders the user of the place; NULL: it has none
--   limit                              bigint
SELECT user_id, name, first_seen_at, last_seen_at, sort::text AS sort
FROM (SELECT c.*, :SORT AS sort FROM (:CANDIDATES) AS c) AS u
WHERE :after::text = '' OR u.sort IS NULL AND (:value::text IS NOT NULL OR u.user_id > :after)
    OR u.sort :THAN CAST(:value::text AS :TYPE) OR u.sort = CAST(:value::text AS :TYPE) AND u.user_id > :after
ORDER BY u.sort :DIRECTION NULLS LAST, u.user_id
LIMIT :limit
