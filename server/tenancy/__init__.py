"""Who calls, and what an organization may do: principals, keys, organizations, limits."""
