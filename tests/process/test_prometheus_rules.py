"""Alert rules and the dashboard as Prometheus itself reads them."""

import json
import pathlib
import shutil
import subprocess

import pytest

from tests.documentation import ROOT

OPERATIONS = ROOT / "docs/operations"
TESTS = ("alerts_test.yaml", "alerts_of_days_test.yaml")
PROMTOOL = shutil.which("promtool")
# .ci/run has it, from .ci/toolchains.
with_promtool = pytest.mark.skipif(PROMTOOL is None, reason="there is no promtool on PATH")


def promtool(*arguments: str, folder: pathlib.Path = OPERATIONS) -> None:
    """Has promtool check something, which must find no fault."""
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@with_promtool
def test_prometheus_takes_the_rules() -> None:
    promtool("check", "rules", "alerts.yaml")


@with_promtool
@pytest.mark.parametrize("file", TESTS)
def test_alerts_fire_when_they_should_and_only_then(file: str) -> None:
    promtool("test", "rules", file)


@with_promtool
def test_prometheus_takes_what_the_dashboard_asks(tmp_path: pathlib.Path) -> None:
    board = json.loads((OPERATIONS / "dashboard.json").read_text(encoding="utf-8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert asked
    rules = [
        {"record": f"panel:{number}", "expr": one.replace("$__rate_interval", "5m")} for number, one in enumerate(asked)
    ]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", "rules.yaml", folder=tmp_path)
