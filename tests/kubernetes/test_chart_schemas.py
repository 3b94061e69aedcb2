"""Every rendered object is one that Kubernetes takes: no field is unknown to it, none is missing, none of another type.

The schemas of Kubernetes' own objects are those that it publishes, as the package kubernetes-validate brings them.
Those of the Prometheus operator are written here, for what the chart uses of them.
"""

import copy
import functools
from collections.abc import Callable

import chart
import jsonschema
import kubernetes_validate
import pytest
from chart import Object
from kubernetes_validate import utils

OLDEST = "1.27.0"
_TEXT, _TEXTS = {"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}


def _closed(required: str, **properties: Object) -> Object:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required.split(),
        "properties": properties,
    }


def _custom(kind: str, spec: Object) -> Object:
    return _closed(
        "apiVersion kind metadata spec",
        apiVersion={"const": "monitoring.coreos.com/v1"},
        kind={"const": kind},
        metadata=_closed("name namespace labels", name=_TEXT, namespace=_TEXT, labels=_TEXTS),
        spec=spec,
    )


_MANY = {"type": "array", "minItems": 1}
_DURATION = {"type": "string", "pattern": r"^[0-9]+(ms|s|m|h)$"}
_OF_PROMETHEUS = {
    "ServiceMonitor": _custom(
        "ServiceMonitor",
        _closed(
            "selector endpoints",
            selector=_closed("matchLabels", matchLabels=_TEXTS),
            endpoints={
                **_MANY,
                "items": _closed(
                    "port",
                    port=_TEXT,
                    interval=_DURATION,
                    relabelings={**_MANY, "items": _closed("", targetLabel=_TEXT, replacement=_TEXT)},
                ),
            },
        ),
    ),
    "PrometheusRule": _custom(
        "PrometheusRule",
        _closed(
            "groups",
            groups={
                **_MANY,
                "items": _closed(
                    "name rules",
                    name=_TEXT,
                    rules={
                        **_MANY,
                        "items": _closed(
                            "alert expr",
                            alert=_TEXT,
                            expr=_TEXT,
                            labels=_TEXTS,
                            annotations=_TEXTS,
                            **{"for": _DURATION},
                        ),
                    },
                ),
            },
        ),
    ),
}


@pytest.fixture(autouse=True, scope="module")
def _schemas_read_once() -> None:
    utils.schema_contents = functools.cache(utils.schema_contents)  # else a megabyte is read for every object


def _check(one: Object, version: str) -> None:
    if one["kind"] in _OF_PROMETHEUS:
        jsonschema.validate(one, _OF_PROMETHEUS[one["kind"]], jsonschema.Draft202012Validator)
    else:
        kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("version", [OLDEST, chart.NEWEST])
def test_kubernetes_takes_every_object(values: str, version: str) -> None:
    every = chart.render(chart.VALUES[values], version=version)
    assert len(every) > 12
    for one in every:
        _check(one, version)


@pytest.mark.parametrize("version", [OLDEST, chart.NEWEST])
def test_the_schemas_are_those_of_that_version(version: str) -> None:
    server = chart.component(chart.objects("least"), "Deployment", "server")
    assert kubernetes_validate.validate(server, version, strict=True) == version.rpartition(".")[0]


def _misspelt_probe(pod: Object) -> None:
    probe = chart.container(pod)["livenessProbe"]
    probe["periodSecond"] = probe.pop("periodSeconds")


def _port_as_text(pod: Object) -> None:
    chart.container(pod)["ports"][0]["containerPort"] = "50051"


def _variable_as_number(pod: Object) -> None:
    chart.container(pod)["env"][-1]["value"] = 1


def _container_without_name(pod: Object) -> None:
    del pod["spec"]["containers"][0]["name"]


@pytest.mark.parametrize("mistake", [_misspelt_probe, _port_as_text, _variable_as_number, _container_without_name])
def test_a_planted_mistake_is_found(mistake: Callable[[Object], None]) -> None:
    server = chart.component(chart.objects("least"), "Deployment", "server")
    _check(server, chart.NEWEST)
    mistake(server["spec"]["template"])
    with pytest.raises(jsonschema.ValidationError):
        _check(server, chart.NEWEST)


@pytest.mark.parametrize("kind", sorted(_OF_PROMETHEUS))
def test_a_planted_mistake_is_found_in_objects_of_the_prometheus_operator(kind: str) -> None:
    one = chart.of_kind(chart.objects("everything"), kind)[0]
    _check(one, chart.NEWEST)
    worse = copy.deepcopy(one)
    worse["spec"]["interval"] = "15s"
    with pytest.raises(jsonschema.ValidationError):
        _check(worse, chart.NEWEST)


def test_helm_finds_nothing_to_complain_about(values: str) -> None:
    done = chart.helm("lint", "--strict", "--kube-version", chart.NEWEST, str(chart.CHART), values=chart.VALUES[values])
    assert done.returncode == 0, done.stdout + done.stderr
