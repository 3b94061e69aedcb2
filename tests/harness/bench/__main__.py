"""python -m tests.harness.bench [NAME …]: benchmarks on embedded engines, each beside its yardstick in the same run."""

import os
import sys

# The processes for the load import this file again, and need nothing of what is below.
if __name__ == "__main__":
    # Before gRPC is imported: its handlers of fork can end a child of ours before it has become PostgreSQL.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"
    from tests.harness.bench import command

    command.main(sys.argv[1:])
