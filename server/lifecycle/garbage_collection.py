"""The garbage collector of a server or worker that has started."""

import gc


def spare_collector() -> None:
    """Makes the collector look at fewer objects, and less often: events are many and form no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
