"""How much longer everything may take on a machine that others use: FAULTS_PATIENCE, 1 unless set."""

import os

FACTOR = float(os.environ.get("FAULTS_PATIENCE", "1"))
