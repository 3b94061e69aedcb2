"""Forecasts: what a series, a month or a user is expected to do next, each with the error that was measured of it.

What computes needs numpy, the extra "forecast" of tallywire-server. Who uses it imports it where it is used.
"""
