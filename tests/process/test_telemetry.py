"""What operators see in the log."""

import subprocess
import sys

_REPORTS = """
import logging
from grpc._cython import cygrpc
from server import telemetry

telemetry.configure_logs("info", telemetry.LogFormat.CONSOLE)
for error in (cygrpc.ExecuteBatchError("batch"), ZeroDivisionError("other")):
    try:
        raise error
    except Exception:
        logging.getLogger("grpc._cython.cygrpc").exception("raised by servicer method [/service/Method]")
"""


def test_a_caller_that_is_gone_when_its_answer_comes_is_no_error() -> None:
    log = subprocess.run([sys.executable, "-c", _REPORTS], capture_output=True, text=True, check=True).stderr
    gone, _, other = log.partition("ERROR")
    assert "nobody waited for an answer any more" in gone
    assert "[/service/Method]" in gone
    assert "Traceback" not in gone
    assert "Traceback" in other
    assert "ZeroDivisionError" in other
    assert "ExecuteBatchError" not in log
