"""Work that is done from time to time: partitions, retention, wake-ups of workers."""
