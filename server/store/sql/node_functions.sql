-- Makes what nodes of a cluster call, and operators: a coordinator makes it on every node.
--
-- The first two are of add_up_slots_at_node.sql: bins of the same key become one.
--
-- Shards move by logical replication, by a role that is a member of the owner's. Policies that hold for the owner do
-- not let it write: tallywire_let_shards_move() takes that back and, called with false, has it again. Policies hold for
-- everybody else meanwhile. Each table has a transaction of its own: who reads several waits for one at a time.
CREATE OR REPLACE FUNCTION tallywire_bin_keys(keys integer[]) RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(SELECT DISTINCT key FROM unnest(keys) AS key ORDER BY key);
CREATE OR REPLACE FUNCTION tallywire_bin_counts(keys integer[], counts bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(SELECT sum(count)::bigint FROM unnest(keys, counts) AS b(key, count) GROUP BY key ORDER BY key);
CREATE OR REPLACE PROCEDURE tallywire_let_shards_move(may boolean) LANGUAGE plpgsql AS $$
DECLARE
    one regclass;
BEGIN
    FOR one IN
        SELECT logicalrelid FROM pg_dist_partition JOIN pg_class ON oid = logicalrelid
        WHERE partmethod = 'h' AND relrowsecurity AND relforcerowsecurity = may ORDER BY logicalrelid::text
    LOOP
        EXECUTE format('ALTER TABLE %s %s ROW LEVEL SECURITY', one, CASE WHEN may THEN 'NO FORCE' ELSE 'FORCE' END);
        COMMIT;
    END LOOP;
END $$;
