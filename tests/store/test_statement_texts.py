"""The texts that are looked through for what nodes of a cluster refuse are those of all statements."""

import json
import pathlib
import re
import subprocess
import sys

from tests.support import store_texts

ROOT = pathlib.Path(__file__).parents[2]
WHOLE = re.compile(r"\s*\(?(WITH|SELECT|INSERT|UPDATE|DELETE)\b")
# In a process of its own: what the store does in other tests gives further statements names.
NAMED = """
import json
from server.store import statements
from tests.support import store_texts
store_texts.all_of_store()
print(json.dumps(list(vars(statements)["_NAMES"])))
"""


def test_all_statements_are_looked_at() -> None:
    """Those that have a name, and what functions put together."""
    texts = {one.sql for one in store_texts.all_of_store()}
    told = subprocess.run([sys.executable, "-c", NAMED], capture_output=True, check=True, cwd=ROOT).stdout
    names = json.loads(told)
    assert set(names) <= texts
    assert len(names) > 50
    assert sum(bool(WHOLE.match(one)) for one in texts) > 800
