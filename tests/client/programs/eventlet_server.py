"""A server of eventlet, which ends in order by SIGTERM."""

import eventlet

eventlet.monkey_patch()

import signal  # noqa: E402 - after everything is patched, as eventlet asks for
import sys  # noqa: E402

import wsgi_app  # noqa: E402
from eventlet import wsgi  # noqa: E402


def stop(*_):
    """Ends the process."""
    raise SystemExit(0)


signal.signal(signal.SIGTERM, stop)
wsgi.server(eventlet.listen(("127.0.0.1", int(sys.argv[1]))), wsgi_app.application, log_output=False)
