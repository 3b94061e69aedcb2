"""Loads that the service must stand: each runs against a server process of its own and ends in a verdict."""
