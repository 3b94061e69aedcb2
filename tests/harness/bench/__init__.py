"""Benchmarks: each is measured beside a yardstick in the same run, since absolute figures of a shared machine mean
nothing.
"""
