-- Reads folded slots of one value as they are; the end of read_slots.sql.
--
-- They are few, and to add up what hardly any other row has would take most of the time.
SELECT seconds, slot, messages, sent, failed, responses, response_time, array_send(bin_keys), array_send(bin_counts)
FROM folded
