"""Values of the chart: every setting can be given, and what is wrong is refused in words that say what is right."""

import json
import re
from typing import Any

import chart
import pytest
import yaml

SCHEMA: dict[str, Any] = json.loads((chart.CHART / "values.schema.json").read_text(encoding="utf-8"))


def _refusal(values: chart.Object) -> str:
    done = chart.helm("template", "tallywire", str(chart.CHART), "--kube-version", chart.NEWEST, values=values)
    assert done.returncode != 0
    return done.stderr


def test_every_value_has_a_default_and_a_schema() -> None:
    values = yaml.safe_load((chart.CHART / "values.yaml").read_text(encoding="utf-8"))

    def compare(given: Any, schema: dict[str, Any], path: str) -> None:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        if schema.get("additionalProperties") is not False or path in (".secrets.values", ".secrets.from"):
            return
        assert given.keys() == schema["properties"].keys() - {"global"}, path
        for name, inner in schema["properties"].items():
            if name in given:
                compare(given[name], inner, f"{path}.{name}")

    compare(values, SCHEMA, "")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (100_000_000, "100000000"),
        (0.5, "0.5"),
        (2.0, "2"),
        (True, "true"),
        (False, "false"),
        ("agent=5", "agent=5"),
        (0, "0"),
    ],
)
def test_numbers_reach_the_service_as_they_are_written(value: object, text: str) -> None:
    every = chart.render(chart.changed("least", settings={"TALLYWIRE_MAX_DISTINCT": value}))
    for one in chart.of_kind(every, "Deployment"):
        assert chart.environment(every, one["spec"]["template"])["TALLYWIRE_MAX_DISTINCT"] == text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image": {}}, "image.repository is not set"),
        ({"secrets": {}}, "DATABASE_URL is in none of secrets.values, secrets.existingSecret and secrets.from"),
        ({"secrets": {"values": {"TALLYWIRE_KEY_PEPPER": "short"}}}, "TALLYWIRE_KEY_PEPPER"),
        ({"secrets__existingSecret": "one"}, "exclude each other"),
        ({"secrets__values__PEPPER": "x" * 40}, "additional properties 'PEPPER' not allowed"),
        ({"settings": {"TALLYWIRE_KEY_PEPPER": "x" * 40}}, "TALLYWIRE_KEY_PEPPER"),
        ({"settings": {"TALLYWIRE_MAX_QUERY": 1}}, "TALLYWIRE_MAX_QUERY"),
        ({"web": {}}, "web.origin is not set"),
        ({"web__origin": "metrics.example.com"}, "/web/origin"),
        ({"web__ingress": {"enabled": True}}, "needs web.ingress.hosts"),
        ({"reports": {}}, "files of reports have no place"),
        ({"reports": {"store": "s3://a/b", "volume": {"enabled": True}}}, "exclude each other"),
        ({"server": {"tls": {"caKey": "ca.crt"}}}, "need server.tls.existingSecret"),
        (
            {"server": {"tls": {"existingSecret": "one", "clientCA": {"existingSecret": "two"}}}},
            "cannot show a client certificate",
        ),
        ({"server": {"tls": {"existingSecret": "one"}}, "web__origin": "http://127.0.0.1:8080"}, "in plaintext"),
        ({"server": {"autoscaling": {"enabled": True, "cpu": 0}}}, "server.autoscaling.enabled needs a figure"),
        ({"server": {"replica": 3}}, "additional properties 'replica' not allowed"),
    ],
)
def test_what_is_wrong_is_refused(changes: dict[str, Any], said: str) -> None:
    assert said in _refusal(chart.changed("least", **changes))


def test_the_version_is_that_of_the_service() -> None:
    about = yaml.safe_load((chart.CHART / "Chart.yaml").read_text(encoding="utf-8"))
    project = (chart.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    assert found is not None
    assert about["appVersion"] == found[1]


def test_a_changed_secret_replaces_pods() -> None:
    before = chart.render(chart.VALUES["least"])
    after = chart.render(chart.changed("least", secrets__values__REDIS_URL="redis://:other@redis:6379/0"))
    for name in ("server", "worker", "web"):
        notes = [
            chart.component(every, "Deployment", name)["spec"]["template"]["metadata"]["annotations"]["checksum/secret"]
            for every in (before, after)
        ]
        assert notes[0] != notes[1]
