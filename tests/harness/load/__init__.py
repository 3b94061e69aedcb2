"""Load tests: open loop, latencies counted from the time at which a call was due, generators in processes of their own.

Each prints what it measured and a verdict. Absolute figures of a shared machine mean little, so limits are ratios to
what the same run measured before, wherever that is possible.
"""
