"""Projections follow the revisions of organizations and decide what depends on more than one event."""
