-- Organizations that people with identity tokens say they belong to, and what they may do there, by the number of the
-- question; without those that are not there.
--   :organizations (names), :members (subjects), :roles (that claims give): as many of each
SELECT
    asked.number, o.*, m.subject AS member,
    coalesce(m.role, asked.role) AS role,
    coalesce(m.restricted_dimension, '') AS restricted_dimension,
    coalesce(m.restricted_values, '{}') AS restricted_values,
    r.scopes
FROM unnest(:organizations::text[], :members::text[], :roles::text[])
    WITH ORDINALITY AS asked (organization, member, role, number)
JOIN organizations o ON o.name = asked.organization
LEFT JOIN memberships m ON m.organization_id = o.organization_id AND m.subject = asked.member
LEFT JOIN custom_roles r ON r.organization_id = o.organization_id AND r.name = coalesce(m.role, asked.role)
