"""Servers and workers as processes of one machine."""
