-- The functions that the views of the schema bi compute with. They look at nothing but their arguments, so that whoever
-- may use a view may call them.
--
-- Constants
--   LOWEST                             the lowest integer of each bin of a histogram, as an array
--   BIN_COUNT, KEY_SPAN, FIRST_BIN_PART
--                                      as in server/histogram.py and server/catalog/cells.py

-- The containers of a roaring bitmap in its portable form: sorted values (kind 0), bits (1) or runs (2), each of
-- values that have their upper 16 bits, the place, in common.
CREATE FUNCTION bi.containers(
    bitmap bytea, OUT place integer, OUT kind integer, OUT members integer, OUT content bytea
) RETURNS SETOF record LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE ROWS 2 AS $$
DECLARE
    has_runs boolean := get_byte(bitmap, 0) = 59;
    count integer;
    header integer;
    start integer;
    bytes integer;
BEGIN
    IF has_runs THEN
        count := get_byte(bitmap, 2) + (get_byte(bitmap, 3) << 8) + 1;
        header := 4 + (count + 7) / 8;
        start := header + 4 * count + CASE WHEN count >= 4 THEN 4 * count ELSE 0 END;
    ELSE
        count := get_byte(bitmap, 4) + (get_byte(bitmap, 5) << 8) + (get_byte(bitmap, 6) << 16);
        header := 8;
        start := header + 8 * count;
    END IF;
    FOR number IN 0 .. count - 1 LOOP
        place := get_byte(bitmap, header) + (get_byte(bitmap, header + 1) << 8);
        members := get_byte(bitmap, header + 2) + (get_byte(bitmap, header + 3) << 8) + 1;
        header := header + 4;
        IF has_runs AND (get_byte(bitmap, 4 + number / 8) >> number % 8) & 1 = 1 THEN
            kind := 2;
            bytes := 4 * (get_byte(bitmap, start) + (get_byte(bitmap, start + 1) << 8));
            start := start + 2;
        ELSIF members > 4096 THEN
            kind := 1;
            bytes := 8192;
        ELSE
            kind := 0;
            bytes := 2 * members;
        END IF;
        content := substr(bitmap, start + 1, bytes);
        start := start + bytes;
        RETURN NEXT;
    END LOOP;
END
$$;

-- The lower 16 bits of the values of a container that has no bits.
CREATE FUNCTION bi.members(kind integer, content bytea) RETURNS SETOF integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 300 AS $$
    SELECT get_byte(content, 2 * number) + (get_byte(content, 2 * number + 1) << 8)
    FROM generate_series(0, length(content) / 2 - 1) AS number
    WHERE kind = 0
    UNION ALL
    SELECT generate_series(first, first + more)
    FROM generate_series(0, length(content) / 4 - 1) AS number
    CROSS JOIN LATERAL (
        SELECT get_byte(content, 4 * number) + (get_byte(content, 4 * number + 1) << 8) AS first,
            get_byte(content, 4 * number + 2) + (get_byte(content, 4 * number + 3) << 8) AS more
    ) AS run
    WHERE kind = 2
$$;

-- A container as 65,536 bits.
CREATE FUNCTION bi.bits(kind integer, content bytea) RETURNS bit varying
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    found bytea := content;
    member integer;
BEGIN
    IF kind <> 1 THEN
        found := decode(repeat('00', 8192), 'hex');
        FOR member IN SELECT bi.members(kind, content) LOOP
            found := set_bit(found, member, 1);
        END LOOP;
    END IF;
    RETURN ('x' || encode(found, 'hex'))::bit varying;
END
$$;

-- How many values containers of one place have together.
CREATE FUNCTION bi.united_count(kinds integer[], contents bytea[], members bigint) RETURNS integer
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    together bit varying;
BEGIN
    IF members < 20000 AND 1 <> ALL (kinds) THEN
        RETURN (
            SELECT count(DISTINCT member) FROM unnest(kinds, contents) AS one(kind, content)
            CROSS JOIN LATERAL bi.members(one.kind, one.content) AS member
        );
    END IF;
    FOR number IN 1 .. cardinality(kinds) LOOP
        together := CASE WHEN number = 1 THEN bi.bits(kinds[1], contents[1])
            ELSE together | bi.bits(kinds[number], contents[number]) END;
    END LOOP;
    RETURN bit_count(together);
END
$$;

-- How many distinct values roaring bitmaps have together; NULL among them stands for an empty one.
CREATE FUNCTION bi.distinct_count(bitmaps bytea[]) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(sum(CASE WHEN containers = 1 THEN members ELSE bi.united_count(kinds, contents, members) END), 0)
        ::bigint
    FROM (
        SELECT count(*) AS containers, sum(c.members) AS members, array_agg(c.kind) AS kinds,
            array_agg(c.content) AS contents
        FROM unnest(bitmaps) AS one(bitmap) CROSS JOIN LATERAL bi.containers(one.bitmap) AS c
        GROUP BY c.place
    ) AS places
$$;

-- The bins of a delta in one string, for percentiles(); NULL where it has none. No block of a histogram begins with ff.
CREATE FUNCTION bi.bins_of_delta(keys integer[], counts bigint[]) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN cardinality(keys) > 0
        THEN '\xff'::bytea || array_send(keys) || array_send(counts) END
$$;

-- Percentiles of a measure whose histograms are given, as rollups hold them or as bins_of_delta() makes them of deltas:
-- those of the service, to the last bit. NULL without values.
CREATE FUNCTION bi.percentiles(histograms bytea[], measure integer, wanted double precision[])
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    lowest CONSTANT bigint[] := 'LOWEST';
    first_key CONSTANT integer := measure * KEY_SPAN + FIRST_BIN_PART;
    counts bigint[] := array_fill(0::bigint, ARRAY[2 * BIN_COUNT]);
    one bytea;
    start integer;
    kind integer;
    first integer;
    number integer;
    amounts integer;
    bin integer;
    low_bin integer := 2 * BIN_COUNT;
    high_bin integer := 0;
    total bigint := 0;
    q double precision;
    place double precision;
    rank bigint;
    low double precision;
    high double precision;
    up_to bigint;
    found double precision[] := '{}';
BEGIN
    FOREACH one IN ARRAY histograms LOOP
        CONTINUE WHEN one IS NULL;
        IF get_byte(one, 0) = 255 THEN
            number := (get_byte(one, 15) << 8) + get_byte(one, 16);
            amounts := 21 + 8 * number + 20;
            FOR i IN 0 .. number - 1 LOOP
                start := 21 + 8 * i + 4;
                bin := (get_byte(one, start) << 24) + (get_byte(one, start + 1) << 16) + (get_byte(one, start + 2) << 8)
                    + get_byte(one, start + 3) - first_key + 1;
                CONTINUE WHEN bin < 1 OR bin > 2 * BIN_COUNT;
                IF bin <= BIN_COUNT THEN
                    low_bin := least(low_bin, bin);
                    high_bin := greatest(high_bin, bin);
                END IF;
                start := amounts + 12 * i + 4;
                counts[bin] := counts[bin] + ('x' || encode(substr(one, start + 1, 8), 'hex'))::bit(64)::bigint;
            END LOOP;
            CONTINUE;
        END IF;
        start := 0;
        WHILE start < length(one) LOOP
            kind := get_byte(one, start);
            first := get_byte(one, start + 1) + (get_byte(one, start + 2) << 8) + 1;
            number := get_byte(one, start + 3) + (get_byte(one, start + 4) << 8);
            start := start + 5;
            IF first <= BIN_COUNT THEN
                low_bin := least(low_bin, first);
                bin := CASE kind WHEN 0 THEN get_byte(one, start + 2 * number - 2)
                    + (get_byte(one, start + 2 * number - 1) << 8) + 1 ELSE first + number - 1 END;
                high_bin := greatest(high_bin, bin);
            END IF;
            IF kind = 2 THEN
                FOR i IN 0 .. number - 1 LOOP
                    counts[first + i] := counts[first + i] + get_byte(one, start + 4 * i)
                        + (get_byte(one, start + 4 * i + 1) << 8) + (get_byte(one, start + 4 * i + 2) << 16);
                END LOOP;
                start := start + 4 * number;
            ELSE
                amounts := start + CASE kind WHEN 0 THEN 2 * number ELSE 0 END;
                FOR i IN 0 .. number - 1 LOOP
                    bin := CASE kind
                        WHEN 0 THEN get_byte(one, start + 2 * i) + (get_byte(one, start + 2 * i + 1) << 8) + 1
                        ELSE first + i END;
                    counts[bin] := counts[bin] + bi.amount(one, amounts + 8 * i);
                END LOOP;
                start := amounts + 8 * number;
            END IF;
        END LOOP;
    END LOOP;
    high_bin := least(high_bin, BIN_COUNT);
    FOR i IN low_bin .. high_bin LOOP
        total := total + counts[i];
    END LOOP;
    IF total <= 0 THEN
        RETURN NULL;
    END IF;
    FOREACH q IN ARRAY wanted LOOP
        place := q * (total - 1);
        rank := trunc(place)::bigint;
        low := NULL;
        up_to := 0;
        FOR i IN low_bin .. high_bin LOOP
            CONTINUE WHEN counts[i] = 0;
            up_to := up_to + counts[i];
            IF low IS NULL AND up_to > rank THEN
                low := lowest[i] + counts[BIN_COUNT + i]::double precision / counts[i];
            END IF;
            IF up_to > least(rank + 1, total - 1) THEN
                high := lowest[i] + counts[BIN_COUNT + i]::double precision / counts[i];
                EXIT;
            END IF;
        END LOOP;
        found := found || least(high, low + (high - low) * (place - rank));
    END LOOP;
    RETURN found;
END
$$;

-- A number of eight bytes, the lowest one first.
CREATE FUNCTION bi.amount(content bytea, start integer) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT get_byte(content, start)::bigint + (get_byte(content, start + 1)::bigint << 8)
        + (get_byte(content, start + 2)::bigint << 16) + (get_byte(content, start + 3)::bigint << 24)
        + (get_byte(content, start + 4)::bigint << 32) + (get_byte(content, start + 5)::bigint << 40)
        + (get_byte(content, start + 6)::bigint << 48) + (get_byte(content, start + 7)::bigint << 56)
$$;
