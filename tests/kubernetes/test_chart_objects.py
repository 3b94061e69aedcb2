"""Objects of the chart fit together: what one names, another one is."""

import json
import math
import re
from collections.abc import Iterator

import chart
import pytest
import yaml
from chart import Object

from server.process import children

NAMED = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
COMPONENTS = {"server", "worker", "web", "migrate", "console"}


def test_what_selects_pods_selects_those_of_one_component(values: str) -> None:
    every = chart.objects(values)
    for one in chart.of_kind(every, "Service", "PodDisruptionBudget", "NetworkPolicy", "Deployment", "ServiceMonitor"):
        spec = one["spec"]
        selector = spec["podSelector"] if one["kind"] == "NetworkPolicy" else spec["selector"]
        selector = selector.get("matchLabels", selector)
        chosen = [owner["metadata"]["name"] for owner, pod in chart.pods(every) if chart.is_selected(selector, pod)]
        assert len(chosen) == 1, (one["kind"], one["metadata"]["name"], chosen)
        assert one["metadata"]["labels"]["app.kubernetes.io/component"] == chosen[0].removeprefix("tallywire-")


def test_every_pod_that_serves_is_held_back_from_eviction_and_scaled_by_name(values: str) -> None:
    every = chart.objects(values)
    deployments = {one["metadata"]["name"]: one["spec"] for one in chart.of_kind(every, "Deployment")}
    served = set(deployments) - {"tallywire-console"}
    assert {one["metadata"]["name"] for one in chart.of_kind(every, "PodDisruptionBudget")} == served
    scaled = {one["spec"]["scaleTargetRef"]["name"]: one for one in chart.of_kind(every, "HorizontalPodAutoscaler")}
    assert scaled.keys() == (served if values == "everything" else set())
    for name, spec in deployments.items():
        assert ("replicas" in spec) != (name in scaled), "an upgrade would undo what the autoscaler has decided"


def test_servers_are_scaled_by_what_waits() -> None:
    scaler = chart.component(chart.objects("everything"), "HorizontalPodAutoscaler", "server")
    assert scaler["spec"]["metrics"][1:] == [
        {
            "type": "Pods",
            "pods": {
                "metric": {"name": "tallywire_pending_events"},
                "target": {"type": "AverageValue", "averageValue": "2000"},
            },
        }
    ]


def test_ports_that_services_and_probes_name_are_there(values: str) -> None:
    every = chart.objects(values)
    for service in chart.of_kind(every, "Service"):
        (pod,) = [pod for _, pod in chart.pods(every) if chart.is_selected(service["spec"]["selector"], pod)]
        ports = {port["name"]: port["containerPort"] for port in chart.container(pod)["ports"]}
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]
    for _, pod in chart.pods(every):
        ports = {port["name"]: port["containerPort"] for port in chart.container(pod).get("ports", ())}
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            probe = chart.container(pod).get(kind, {})
            if "grpc" in probe:
                assert probe["grpc"]["port"] == ports["grpc"]
            if "httpGet" in probe:
                assert probe["httpGet"]["port"] in ports


def test_prometheus_scrapes_every_process_under_the_name_that_the_rules_know(values: str) -> None:
    every = chart.objects(values)
    for monitor in chart.of_kind(every, "ServiceMonitor"):
        component = monitor["metadata"]["labels"]["app.kubernetes.io/component"]
        (pod,) = [
            one for _, one in chart.pods(every) if chart.is_selected(monitor["spec"]["selector"]["matchLabels"], one)
        ]
        ports = [port["name"] for port in chart.container(pod)["ports"] if port["name"].startswith("metrics")]
        assert [one["port"] for one in monitor["spec"]["endpoints"]] == ports
        for one in monitor["spec"]["endpoints"]:
            assert one["relabelings"] == [{"targetLabel": "job", "replacement": f"tallywire-{component}"}]
        exposed = [
            {port["name"] for port in one["spec"]["ports"]}
            for one in chart.of_kind(every, "Service")
            if monitor["spec"]["selector"]["matchLabels"].items() <= one["metadata"]["labels"].items()
        ]
        assert [names for names in exposed if names & set(ports)] == [set(ports)], "each process is scraped once"


def test_rules_and_dashboard_are_those_of_the_documentation() -> None:
    every = chart.objects("everything")
    (rule,) = chart.of_kind(every, "PrometheusRule")
    operations = chart.ROOT / "docs" / "operations"
    assert rule["spec"] == yaml.safe_load((operations / "alerts.yaml").read_text(encoding="utf-8"))
    (board,) = chart.of_kind(every, "ConfigMap")
    told = json.loads(board["data"]["tallywire.json"])
    assert told == json.loads((operations / "dashboard.json").read_text(encoding="utf-8"))


def test_volumes_are_what_is_mounted(values: str) -> None:
    for _, pod in chart.pods(chart.objects(values)):
        mounted = [one["name"] for one in chart.container(pod)["volumeMounts"]]
        assert sorted(mounted) == sorted(one["name"] for one in pod["spec"]["volumes"])


def _references(pod: Object) -> Iterator[tuple[str, str | None]]:
    """Yields each Secret or ConfigMap that a pod needs, and the key of it."""
    for one in chart.container(pod)["env"]:
        if "valueFrom" in one and not one["valueFrom"]["secretKeyRef"].get("optional"):
            yield one["valueFrom"]["secretKeyRef"]["name"], one["valueFrom"]["secretKeyRef"]["key"]
    for one in chart.container(pod).get("envFrom", ()):
        yield one["secretRef"]["name"], None
    for one in pod["spec"].get("imagePullSecrets", ()):
        yield one["name"], None
    for volume in pod["spec"]["volumes"]:
        if "secret" in volume:
            keys = [item["key"] for item in volume["secret"].get("items", ())]
            yield from ((volume["secret"]["secretName"], key) for key in keys or [None])
        if "configMap" in volume:
            yield volume["configMap"]["name"], None


def test_secrets_that_pods_name_exist(values: str) -> None:
    every = chart.objects(values)
    known = {
        **chart.THEIRS,
        **{one["metadata"]["name"]: frozenset(one["stringData"]) for one in chart.of_kind(every, "Secret")},
    }
    claims = {one["metadata"]["name"] for one in chart.of_kind(every, "PersistentVolumeClaim")} | {"files"}
    accounts = {one["metadata"]["name"] for one in chart.of_kind(every, "ServiceAccount")} | {"default"}
    for owner, pod in chart.pods(every):
        for name, key in _references(pod):
            assert key is None or key in known[name], (owner["metadata"]["name"], name, key)
            assert name in known
        for volume in pod["spec"]["volumes"]:
            assert volume.get("persistentVolumeClaim", {}).get("claimName") in {None, *claims}
        assert pod["spec"].get("serviceAccountName", "default") in accounts


def test_the_migration_comes_first_and_brings_what_it_needs(values: str) -> None:
    every = chart.objects(values)
    jobs = chart.of_kind(every, "Job")
    assert len(jobs) == (values != "volume-and-ipv6")
    for job in jobs:
        notes = job["metadata"]["annotations"]
        assert notes["helm.sh/hook"] == "pre-install,pre-upgrade"
        before = {
            one["metadata"]["name"]
            for one in every
            if one["metadata"].get("annotations", {}).get("helm.sh/hook") == notes["helm.sh/hook"]
            and int(one["metadata"]["annotations"]["helm.sh/hook-weight"]) < int(notes["helm.sh/hook-weight"])
        }
        pod = job["spec"]["template"]
        assert {name for name, _ in _references(pod)} <= before | chart.THEIRS.keys()
        assert "serviceAccountName" not in pod["spec"], "the release's account is not there before the first install"


def test_pods_have_more_time_to_stop_than_they_take(values: str) -> None:
    every = chart.objects(values)
    for owner, pod in chart.pods(every):
        component = pod["metadata"]["labels"]["app.kubernetes.io/component"]
        hook = (
            chart.container(pod).get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
        )
        given = pod["spec"].get("terminationGracePeriodSeconds", 30)
        drain = float(chart.environment(every, pod).get("TALLYWIRE_DRAIN_SECONDS", 10))
        least = {"server": math.ceil(drain) + children._DRAIN_MARGIN, "web": 10, "worker": 20}.get(component, 0)
        assert given > int(hook[1]) + least, owner["metadata"]["name"]


def test_a_drain_of_no_time_at_all_is_one() -> None:
    for seconds, grace in ((0, 35), (0.5, 36), (90, 125), ("12.5", 48)):
        every = chart.render(chart.changed("least", settings={"TALLYWIRE_DRAIN_SECONDS": seconds}))
        pod = chart.component(every, "Deployment", "server")["spec"]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] == grace


def test_policies_let_in_what_pods_serve_and_metrics_only_for_prometheus(values: str) -> None:
    every = chart.objects(values)
    policies = [one for one in chart.of_kind(every, "NetworkPolicy") if "annotations" not in one["metadata"]]
    if values == "existing-secrets":
        assert not policies
        return
    assert len(policies) == len(chart.of_kind(every, "Deployment"))
    for policy in policies:
        (pod,) = [
            one for _, one in chart.pods(every) if chart.is_selected(policy["spec"]["podSelector"]["matchLabels"], one)
        ]
        served = {port["containerPort"]: port["name"] for port in chart.container(pod).get("ports", ())}
        open_ports = {port["port"]: rule for rule in policy["spec"]["ingress"] for port in rule["ports"]}
        assert open_ports.keys() == served.keys()
        for port, rule in open_ports.items():
            if served[port].startswith("metrics"):
                assert rule["from"][0]["namespaceSelector"]["matchLabels"] == {
                    "kubernetes.io/metadata.name": "monitoring"
                }


def test_pages_reach_servers_through_their_policies() -> None:
    every = chart.objects("everything")
    web, server = (chart.component(every, "NetworkPolicy", name)["spec"] for name in ("web", "server"))
    (pages,) = [pod for owner, pod in chart.pods(every) if owner["metadata"]["name"] == "tallywire-web"]
    (target,) = [pod for owner, pod in chart.pods(every) if owner["metadata"]["name"] == "tallywire-server"]
    (out,) = [rule for rule in web["egress"] if "to" in rule]
    assert chart.is_selected(out["to"][0]["podSelector"]["matchLabels"], target)
    assert out["ports"] == [{"port": 50051, "protocol": "TCP"}]
    (grpc,) = [rule for rule in server["ingress"] if rule["ports"][0]["port"] == 50051]
    assert any(
        chart.is_selected(peer["podSelector"]["matchLabels"], pages) for peer in grpc["from"] if "podSelector" in peer
    )


@pytest.mark.parametrize(
    "release", ["tallywire", "m", "a-release-whose-name-is-as-long-as-helm-lets-it-b", "eu-tallywire-2"]
)
def test_names_are_valid_and_different(release: str) -> None:
    every = chart.render(chart.VALUES["everything"], release=release)
    names = [(one["kind"], one["metadata"]["name"]) for one in every]
    assert len(set(names)) == len(names)
    assert all(NAMED.fullmatch(name) for _, name in names)
    for one in every:
        assert one["metadata"]["namespace"] == "figures"
        assert all(len(value) <= 63 for value in one["metadata"]["labels"].values())
