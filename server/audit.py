"""The audit: what is stored of an organization, held against a recomputation from its raw events and conversations.

Everything about a window of time is read in one snapshot, in which it must agree to the last bit. Windows are cut so that each
is a bounded amount of work, and together they cover all the time for which raw events are kept.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from server import telemetry, timerange
from server.findings import Findings, Report
from server.recount import WINDOW_EVENTS, Window, check_messages, check_window, windows
from server.store import organizations
from server.store.database import Database, Driver
from server.store.organizations import Kept

Result = Mapping[str, object]

_RUN_SECONDS = 20.0
_log = structlog.get_logger(__name__)
