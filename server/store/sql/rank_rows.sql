-- Returns values in the order of the figure that rank_values.sql works out, and with each how many there are in all.
-- Values without the figure come last, those with equal figures in order.
--
-- Parameters
--   descending                         boolean: the greatest figure first
--   skip, most                         bigint: how many rows to leave out, and how many to return then
SELECT value, count(*) OVER () AS number
FROM ranked
ORDER BY figure IS NULL, CASE WHEN :descending::boolean THEN -figure ELSE figure END, value
OFFSET :skip::bigint LIMIT :most::bigint
