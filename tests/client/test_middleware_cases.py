"""The cases that middleware of all languages is held to."""

import json
import pathlib
from typing import Any

import pytest

from tallywire.middleware import grpc_calls, reports

CASES: dict[str, Any] = json.loads(
    (pathlib.Path(__file__).parents[2] / "clients/conformance/middleware.json").read_text(encoding="utf-8")
)
DEFAULTS = {"http": reports.HEALTH_CHECKS, "grpc": grpc_calls.EXCLUDED}


class Kept:
    """In the place of a tracker."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def track(self, event_type: str, **fields: Any) -> None:
        self.sent.append({"event_type": event_type, **fields})


def _reports(kept: Kept, exclude: Any = (), rate: float = 1.0) -> reports.Reports:
    return reports.Reports(kept, None, exclude, rate)  # type: ignore[arg-type]  # what is used of a tracker is there


@pytest.mark.parametrize("case", CASES["left_out"], ids=lambda case: f"{case['exclude']} {case['path']}")
def test_what_is_left_out(case: dict[str, Any]) -> None:
    exclude = DEFAULTS[case["protocol"]] if case["exclude"] is None else case["exclude"]
    assert _reports(Kept(), exclude).wants(case["path"]) is not case["left_out"]


def test_methods() -> None:
    assert {method: reports.http_method(method) for method in CASES["methods"]} == CASES["methods"]


@pytest.mark.parametrize("case", CASES["endpoints"], ids=lambda case: case["template"])
def test_endpoints_are_cut_between_characters(case: dict[str, Any]) -> None:
    whole = case["template"] * case["repeated"]
    endpoint = _reports(Kept()).endpoint(lambda: whole)
    assert len(endpoint.encode()) == case["endpoint_bytes"]
    assert whole.startswith(endpoint)


@pytest.mark.parametrize("case", CASES["sampled"], ids=lambda case: case["sample_rate"])
def test_samples_carry_their_rate(case: dict[str, Any]) -> None:
    kept = Kept()
    _reports(kept, rate=case["sample_rate"]).send("api.called", {}, endpoint="/x")
    assert kept.sent[0]["properties"].get("sample_rate") == case["property"]


def test_statuses_of_grpc() -> None:
    from grpc import StatusCode

    found = {code.name: grpc_calls.http_status(code.value[0]) for code in StatusCode}
    assert found == CASES["statuses"]
    assert CASES["grpc_method"] == grpc_calls.METHOD
