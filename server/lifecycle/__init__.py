"""The life of a server: what it needs to start, what it follows while it serves, and how it stops."""
