"""What real servers serve in the tests: an application that tracks an event for each request."""

import os

import tallywire

tracker = tallywire.Tracker(os.environ["TARGET"], api_key="k", flush_interval=0.05, shutdown_timeout=30)
if "TRACK_AT_START" in os.environ:
    tracker.track("app.started")


def application(environ, start):
    """Answers whether the event was taken."""
    taken = tracker.track("message.sent")
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % taken]
