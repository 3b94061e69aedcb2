"""Messages of MetricsService from and to values, a module per question."""
