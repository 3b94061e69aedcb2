"""The only room that knows SQL: one file per family of tables, each function the question it answers."""
