"""python -m tests.harness.capacity measure|plan|skew|simulate|render: see command.py."""

import sys

from tests.harness.capacity import command

if __name__ == "__main__":
    command.main(sys.argv[1:])
