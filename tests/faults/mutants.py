"""Copies of the code with a mistake in them, to see that the harness finds it."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.faults.mistakes import MISTAKES, Mistake
from tests.faults.stream_mistakes import STREAM_MISTAKES
from tests.faults.supervisor import ROOT

MUTANTS: Mapping[str, Mistake] = {**MISTAKES, **STREAM_MISTAKES}


def make(mistake: Mistake, folder: Path) -> Path:
    """Copies the code into a folder and makes the mistake there."""
    for package in ("server", "workers"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for edit in mistake.edits:
        path = folder / edit.path
        text = path.read_text(encoding="utf-8")
        if edit.old not in text:
            raise ValueError(f"{edit.path} is no longer what the mistake was made for")
        path.write_text(text.replace(edit.old, edit.new, 1), encoding="utf-8")
    return folder
