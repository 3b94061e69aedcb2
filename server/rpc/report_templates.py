"""Reports to begin with: the files of server/rpc/reports, in the JSON form of the contract."""

import functools
import importlib.resources
from collections.abc import Sequence

from google.protobuf import json_format

from tallywire.v1 import report_service_pb2

_FOLDER = importlib.resources.files("server.rpc") / "reports"


@functools.cache
def all_templates() -> Sequence[report_service_pb2.Report]:
    """Returns the templates, by name. They are shared: nobody may change one."""
    files = sorted((one for one in _FOLDER.iterdir() if one.name.endswith(".json")), key=lambda one: one.name)
    return [json_format.Parse(one.read_text(encoding="utf-8"), report_service_pb2.Report()) for one in files]
