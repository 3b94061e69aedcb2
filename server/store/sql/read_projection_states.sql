-- Reads how far projections are behind, over all organizations or some; nothing of those that no organization has.
--
-- Parameters
--   names                              text[]: the projections
--   on_demand                          text[]: those that are followed where they have a row alone
--
-- OF_SOME narrows it to some organizations.
SELECT name, count(*) FILTER (WHERE lag > 0)::integer, coalesce(sum(lag) FILTER (WHERE lag > 0), 0)::bigint,
    coalesce(max(extract(epoch FROM newest - seen)) FILTER (WHERE lag > 0), 0)::double precision
FROM (
    SELECT n.name, r.revision - coalesce(p.revision, 0) AS lag, r.revised_at AS newest,
        CASE WHEN p.revision > 0 THEN p.revised_at ELSE r.revised_at END AS seen
    FROM revisions r CROSS JOIN unnest(:names::text[]) AS n(name)
    LEFT JOIN projections p ON p.organization_id = r.organization_id AND p.name = n.name
    WHERE (p.name IS NOT NULL OR n.name <> ALL(:on_demand::text[]))
        :OF_SOME
) AS b
GROUP BY name
