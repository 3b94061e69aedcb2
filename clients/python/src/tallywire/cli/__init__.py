"""The command `tallywire`; it needs the extra cli (typer and rich)."""

import sys
from typing import Final

_EXTRA: Final = frozenset({"typer", "rich", "click"})


def main() -> None:
    """Runs the command and exits with its code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    try:
        from tallywire.cli.app import application
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _EXTRA:
            raise
        sys.stderr.write("tallywire: the command needs its extra cli: pip install typer rich\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    application(prog_name="tallywire")
