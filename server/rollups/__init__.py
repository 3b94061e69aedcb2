"""Deltas become rollups: fold, widen, audit, recount."""
