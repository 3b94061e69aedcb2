"""The garbage collector of a server that has started."""

import gc


def spare_collector() -> None:
    """Makes the collector look at fewer objects, less often: events come by the thousand and hold no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
