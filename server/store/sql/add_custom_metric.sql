-- Stores the definition of a custom metric. Its history is complete if there are no revisions before it.
--
-- Parameters
--   organization_id, number            integer
--   name, title, description, unit, better, aggregation, value_path, filter_path, dimension_path
--                                      text: the definition; a path that is not there is empty
--   event_types                        text[]
--   decimals                           smallint
--   filter_value                       text: a JSON text, number or boolean; NULL without a filter
--   counted_after                      bigint: the revision after which the projection counts it
INSERT INTO custom_metrics (organization_id, number, name, title, description, unit, better, event_types, aggregation,
    value_path, decimals, filter_path, filter_value, dimension_path, counted_after, history_until, progress)
VALUES (:organization_id, :number, :name, :title, :description, :unit, :better, :event_types, :aggregation,
    :value_path, :decimals, :filter_path, :filter_value::text::jsonb, :dimension_path, :counted_after::bigint,
    CASE WHEN :counted_after::bigint > 0 THEN 0 END, CASE WHEN :counted_after::bigint > 0 THEN 0 ELSE 1 END)
