-- Reads the conversations that are put in order: COLUMNS of those within bounds of a time or of ids, without some.
--
-- COLUMN is the time or id, MINUTE a condition about minutes where the time has an index by them, TIES leaves out those
-- at the place itself, and ORDER is the order of an index where the list goes by it.
--
-- Parameters
--   organization_id                    integer
--   first, last                        of the type of COLUMN: the bounds, last left out if it is a time
--   first_minute, last_minute          integer: the minutes that hold these, both included
--   prefix, prefix_last                text: with bounds of ids, the text that they begin with, and what it ends with
--   without                            bytea[]: keys
--   look                               bigint: how many to look at
SELECT :COLUMNS FROM conversations
WHERE organization_id = :organization_id AND version = :VERSION AND :BOUNDS
    AND NOT conversation_key = ANY(:without::bytea[]) AND :TIES
:ORDER LIMIT :look
