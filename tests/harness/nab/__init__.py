"""The Numenta Anomaly Benchmark: its files, its scoring, its baselines, and the service's judgements."""
