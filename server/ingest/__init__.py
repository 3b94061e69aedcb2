"""From a call's events to one transaction: pipeline, scheduler, write, results."""
