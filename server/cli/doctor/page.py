"""The page that the command prints: one line for each check."""

import json
from collections import Counter
from collections.abc import Sequence

from server.cli.doctor.check import Examined, Verdict


def exit_code(examined: Sequence[Examined]) -> int:
    """Returns 1 if any check has failed, else 0."""
    return int(any(one.finding.verdict is Verdict.FAIL for one in examined))


def as_text(examined: Sequence[Examined]) -> str:
    """Returns the findings, the worst of them counted in the last line."""
    width = max(len(one.check.name) for one in examined)
    counted = Counter(one.finding.verdict for one in examined)
    total = ", ".join(f"{counted[verdict]} {verdict}" for verdict in Verdict if counted[verdict])
    return "\n".join((*(_line(one, width) for one in examined), "", total))


def _line(one: Examined, width: int) -> str:
    found = one.finding
    remedy = f" -> {found.remedy}" if found.remedy else ""
    return " ".join(f"{found.verdict:<4}  {one.check.name:<{width}}  {found.text}{remedy}".splitlines())


def as_json(examined: Sequence[Examined]) -> str:
    """Returns the findings for programs."""
    checks = [
        {
            "check": one.check.name,
            "verdict": one.finding.verdict,
            "text": one.finding.text,
            "remedy": one.finding.remedy,
            "page": one.check.page,
        }
        for one in examined
    ]
    return json.dumps({"checks": checks, "exit_code": exit_code(examined)})
