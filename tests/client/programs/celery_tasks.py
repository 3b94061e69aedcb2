"""A Celery program whose broker is a folder."""

import os
import pathlib

import celery

import tallywire

folder = pathlib.Path(os.environ["FOLDER"])
application = celery.Celery("celery_tasks", broker="filesystem://")
application.conf.broker_transport_options = {
    "data_folder_in": str(folder / "queue"),
    "data_folder_out": str(folder / "queue"),
    "control_folder": str(folder / "control"),
}
tracker = tallywire.Tracker(os.environ["TARGET"], api_key="k", flush_interval=60, shutdown_timeout=30)


@application.task
def work(number):
    """Tracks an event, and leaves a file where it was taken."""
    if tracker.track("task.completed"):
        (folder / f"taken-{number}").touch()
