"""python -m tests.harness.forecasts [NAME …]: how wrong forecasts are, and how often intervals hold."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is imported: figures are those of one core
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from tests.harness.forecasts import command

    command.main(sys.argv[1:])
