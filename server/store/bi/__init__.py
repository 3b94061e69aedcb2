"""The schema bi: views for tools that read PostgreSQL, and the logins of organizations that may read them."""
