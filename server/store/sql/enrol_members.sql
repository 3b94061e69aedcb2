-- Tells what is known of ids of several organizations, and gives a number to those that have none.
--
-- Parameters, one element for each candidate, ordered as ids are locked
--   organizations                      integer[]
--   kinds                              smallint[]: what the id is, as in members.MemberKind
--   external_ids                       text[]
--   limits                             integer[]: how many of its kind may have cells of their own; NULL for no limit
--   erasures                           integer[]: how often what the caller knows of erased users had changed; users
--                                      are not enrolled where it has changed since
--
-- USER_KIND is the kind of users.
--
-- Enrolling takes turns: whoever enrols ids of an organization advances its counter, and so locks it until the commit.
-- A turn that was waited for, or that somebody else had since the statement began, shows in the counter: it is not
-- where the statement's snapshot has it. What the snapshot has of members is then out of date, too, and nothing is
-- enrolled.
--
-- A candidate's place is its rank among the members of its kind that have cells of their own. Those with another limit
-- than their kind's (none, or 0) are ranked among themselves.
WITH asked AS MATERIALIZED (
    SELECT a.*, m.number, m.overflow
    FROM unnest(:organizations::integer[], :kinds::smallint[], :external_ids::text[], :limits::integer[],
        :erasures::integer[])
        WITH ORDINALITY AS a(organization_id, kind, external_id, "limit", erasures, ordinal)
    LEFT JOIN LATERAL (SELECT number, overflow FROM members WHERE organization_id = a.organization_id
        AND kind = a.kind AND external_id = a.external_id OFFSET 0) AS m ON true
), wanted AS MATERIALIZED (
    SELECT organization_id, kind, external_id, "limit", ordinal,
        row_number() OVER (PARTITION BY organization_id ORDER BY ordinal) AS place
    FROM asked WHERE number IS NULL AND (kind <> :USER_KIND OR erasures = coalesce(
        (SELECT r.erasures FROM revisions r WHERE r.organization_id = asked.organization_id), 0))
), turns AS (
    INSERT INTO member_counters AS c (organization_id, next_number)
    SELECT organization_id, max(place) FROM wanted
    WHERE (SELECT set_config('synchronous_commit', 'off', true)) = 'off'
    GROUP BY organization_id ORDER BY organization_id
    ON CONFLICT (organization_id) DO UPDATE SET next_number = c.next_number + excluded.next_number
    RETURNING organization_id, next_number
), begun AS (
    SELECT organization_id, t.next_number - w.places AS first
    FROM turns t JOIN (SELECT organization_id, max(place) AS places FROM wanted GROUP BY organization_id) AS w
        USING (organization_id)
    LEFT JOIN member_counters c USING (organization_id)
    WHERE t.next_number - w.places = coalesce(c.next_number, 0)
), placed AS (
    SELECT w.organization_id, w.kind, w.external_id, w."limit", (b.first + w.place - 1)::integer AS number,
        coalesce(w."limit" < coalesce(c.separate, 0) + row_number() OVER (
            PARTITION BY w.organization_id, w.kind, w."limit" ORDER BY w.ordinal), false) AS overflow
    FROM begun b JOIN wanted w USING (organization_id)
    LEFT JOIN member_counts c ON c.organization_id = w.organization_id AND c.kind = w.kind
), enrolled AS (
    INSERT INTO members (organization_id, kind, external_id, number, overflow)
    SELECT organization_id, kind, external_id, number, overflow FROM placed
), counted AS (
    INSERT INTO member_counts AS c (organization_id, kind, separate, overflowed)
    SELECT organization_id, kind, count(*) FILTER (WHERE NOT overflow), count(*) FILTER (WHERE overflow)
    FROM placed WHERE "limit" IS NOT NULL GROUP BY organization_id, kind ORDER BY organization_id, kind
    ON CONFLICT (organization_id, kind) DO UPDATE
    SET separate = c.separate + excluded.separate, overflowed = c.overflowed + excluded.overflowed
)
SELECT organization_id, kind, external_id, number, overflow FROM asked WHERE number IS NOT NULL
UNION ALL SELECT organization_id, kind, external_id, number, overflow FROM placed
