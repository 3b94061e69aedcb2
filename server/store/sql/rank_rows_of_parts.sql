-- Returns, for each of several parts of a dimension, its values in the order of the figure that rank_values.sql works
-- out, and with each how many the part has in all. Within a part the order is that of rank_rows.sql.
--
-- Parameters
--   prefixes, suffixes                 text[]: what the values of each part begin and end with
--   descending                         boolean: the greatest figure first
--   most                               bigint: how many rows to return of each part
SELECT place, value, number
FROM (
    SELECT p.place, r.value, count(*) OVER (PARTITION BY p.place) AS number, row_number() OVER (
        PARTITION BY p.place
        ORDER BY figure IS NULL, CASE WHEN :descending::boolean THEN -figure ELSE figure END, r.value
    ) AS rank
    FROM unnest(:prefixes::text[], :suffixes::text[]) WITH ORDINALITY AS p(prefix, suffix, place)
    JOIN ranked AS r ON starts_with(r.value, p.prefix) AND right(r.value, length(p.suffix)) = p.suffix
) AS numbered
WHERE rank <= :most::bigint
ORDER BY place, rank
