"""Who may do how much, and when: rates, quotas, pressure, fair queues, slots."""
