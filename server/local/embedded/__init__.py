"""Runs PostgreSQL and Valkey on this machine, for a laptop, the demo and the tests.

Use it as `with embedded.start(pathlib.Path("data")) as engines:` and read `engines.database_url` and
`engines.redis_url`, or call `engines.stop()` at the end.
"""

from server.local.embedded.engines import Engines, start
from server.local.embedded.errors import EnginesError, EnginesFailed, EnginesInUse, EnginesUnavailable

__all__ = ["Engines", "EnginesError", "EnginesFailed", "EnginesInUse", "EnginesUnavailable", "start"]
