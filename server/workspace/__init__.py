"""What people keep for themselves and for others of their organization: preferences and dashboards."""
