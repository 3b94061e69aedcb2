"""Each alert for Prometheus is tested, and says what to do when it fires; tests/process tries them."""

import re

from tests import documentation
from tests.documentation import ROOT

OPERATIONS = ROOT / "docs/operations"
RULES = (OPERATIONS / "alerts.yaml").read_text(encoding="utf-8")
ALERTS = re.findall(r"^ +- alert: (\w+)$", RULES, re.MULTILINE)
TESTS = ("alerts_test.yaml", "alerts_of_days_test.yaml")


def test_each_alert_is_tested_both_ways() -> None:
    assert len(ALERTS) == len(set(ALERTS)) > 15
    cases = "".join((OPERATIONS / file).read_text(encoding="utf-8") for file in TESTS)
    names = re.findall(r"^  - name: (\w+ (?:fires|is quiet))$", cases, re.MULTILINE)
    assert sorted(names) == sorted(f"{alert} {how}" for alert in ALERTS for how in ("fires", "is quiet"))


def test_each_alert_names_its_remedy_and_who_is_to_know() -> None:
    sections = documentation.anchors("docs/operations/troubleshooting.md")
    for alert, text in zip(ALERTS, re.split(r"^ +- alert: ", RULES, flags=re.MULTILINE)[1:], strict=True):
        assert f"runbook: docs/operations/troubleshooting.md#{alert.lower()}\n" in text, alert
        assert alert.lower() in sections
        assert re.search(r"severity: (page|ticket)\b", text), alert
        assert "summary: " in text, alert


def test_each_remedy_is_of_an_alert_and_says_what_to_do() -> None:
    page = documentation.PAGES["docs/operations/troubleshooting.md"]
    told = re.findall(r"^### (Tallywire\w+)\n\n(\S.*)$", page, re.MULTILINE)
    assert [name for name, _ in told] == ALERTS
    for name, text in told:
        assert "`" in text or "](" in text, f"{name} has neither a command nor a link"
