"""`python -m server`: runs the command that is named."""

import sys


def main() -> None:
    """Runs the command."""
    asked = sys.argv[1:]
    if asked[:1] == ["health"] and len(asked) <= 2 and not asked[-1].startswith("-"):
        # Asked every few seconds by Docker: without all that the other commands need it takes a third of the time.
        from server.cli import health

        health.main(*asked[1:])
    else:
        from server.cli import main

        main.app(prog_name="python -m server")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        # While modules were still being loaded.
        sys.stderr.write("error: interrupted\n")
        sys.exit(130)
