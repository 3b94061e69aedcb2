"""Alerts: rules that are looked at window by window, how they stand, and whom that is told."""
