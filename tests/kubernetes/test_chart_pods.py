"""Pods of the chart: their variables are settings of the service, only Secrets hold secrets, rights are the fewest."""

import re
from pathlib import Path
from typing import Any

import chart
import pytest
from chart import Object

from server import settings
from server.rpc import services
from server.settings import Settings

_UNITS = {"Mi": 2**20, "Gi": 2**30}


def _settings(every: list[Object], pod: Object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Returns the settings as the program in a pod reads them."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"TALLYWIRE_{name.upper()}", raising=False)
    for name, value in chart.environment(every, pod).items():
        monkeypatch.setenv(name, value)
    return settings.load()


def _pod(every: list[Object], component: str) -> Object:
    found: Object = chart.component(every, "Deployment", component)["spec"]["template"]
    return found


def _ports(pod: Object) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in chart.container(pod)["ports"]}


def test_the_service_takes_the_variables_of_every_pod(values: str, monkeypatch: pytest.MonkeyPatch) -> None:
    every = chart.objects(values)
    for owner, pod in chart.pods(every):
        known = _settings(every, pod, monkeypatch)
        given = set(chart.environment(every, pod))
        component = owner["metadata"]["name"].removeprefix("tallywire-")
        assert {"DATABASE_URL"} <= given or component == "web"
        unknown = {name for name in given if name.startswith("TALLYWIRE_")} - {
            f"TALLYWIRE_{name.upper()}" for name in Settings.model_fields
        }
        assert not unknown
        if component in ("server", "worker", "web"):
            assert known.metrics_port == _ports(pod)["metrics"]
            assert not settings.is_loopback(f"{known.metrics_address}:1")


def test_a_server_listens_where_its_service_leads(values: str, monkeypatch: pytest.MonkeyPatch) -> None:
    every = chart.objects(values)
    pod = _pod(every, "server")
    known = _settings(every, pod, monkeypatch)
    everywhere = "[::]" if values == "volume-and-ipv6" else "0.0.0.0"  # noqa: S104 - that is compared
    assert known.listen == f"{everywhere}:{_ports(pod)['grpc']}"
    assert (known.tls_certificate is not None) == ("tls" in values) == (not known.allow_plaintext)
    assert (known.tls_client_ca is not None) == (values == "mutual-tls")
    names = [name for name in _ports(pod) if name.startswith("metrics")]
    assert [_ports(pod)[name] for name in names] == [known.metrics_port + index for index in range(known.processes)]
    files = [known.tls_certificate, known.tls_key, known.tls_client_ca, known.identity_providers]
    folders = {Path(one["mountPath"]) for one in chart.container(pod)["volumeMounts"]}
    assert all(one.parent in folders for one in files if one is not None)


def test_servers_and_workers_have_reports_in_one_place(values: str, monkeypatch: pytest.MonkeyPatch) -> None:
    every = chart.objects(values)
    stores = set()
    for component in ("server", "worker"):
        pod = _pod(every, component)
        known = _settings(every, pod, monkeypatch)
        volumes = {one["name"]: one for one in pod["spec"]["volumes"]}
        claim = volumes.get("reports", {}).get("persistentVolumeClaim")
        stores.add((known.reports_url, str(claim)))
        if known.reports_url.startswith("file:"):
            mounts = {one["name"]: one["mountPath"] for one in chart.container(pod)["volumeMounts"]}
            assert known.reports_url == f"file://{mounts['reports']}"
    assert len(stores) == 1


def test_pages_ask_the_servers(values: str, monkeypatch: pytest.MonkeyPatch) -> None:
    every = chart.objects(values)
    if values == "mutual-tls":
        assert not [one for one in every if one["metadata"]["name"] == "tallywire-web"]
        return
    pod = _pod(every, "web")
    known = _settings(every, pod, monkeypatch)
    assert known.web_listen.endswith(f":{_ports(pod)['http']}")
    headless = chart.component(every, "Service", "server-headless")
    port = headless["spec"]["ports"][0]["port"]
    assert known.web_service == f"tallywire-server-headless.figures.svc:{port}"
    assert headless["spec"]["clusterIP"] == "None"
    assert (known.web_service_ca is not None) == (values == "tls") != known.allow_plaintext
    assert (known.database_url, known.redis_url, known.key_pepper) == (None, None, None)
    for ingress in chart.of_kind(every, "Ingress"):
        assert known.web_address == f"https://{ingress['spec']['rules'][0]['host']}"


def test_liveness_does_not_ask_for_the_database(values: str) -> None:
    container = chart.container(_pod(chart.objects(values), "server"))
    for kind, name in (
        ("startupProbe", services.PROCESS),
        ("readinessProbe", ""),
        ("livenessProbe", services.PROCESS),
    ):
        probe = container[kind]
        if "tls" in values:
            command = ["python", "-m", "server", "health", name]
            assert probe["exec"]["command"] == [word for word in command if word]
        else:
            assert probe["grpc"].get("service", "") == name
    assert container["livenessProbe"]["failureThreshold"] * container["livenessProbe"]["periodSeconds"] >= 60


def test_only_secrets_hold_secrets(values: str) -> None:
    every = chart.objects(values)
    hidden = [
        word
        for value in chart.VALUES[values]["secrets"].get("values", {}).values()
        for word in [value, *re.findall(r"[a-z]+-password|[\w-]+-seen-\w+", value)]
    ]
    for one in every:
        if one["kind"] != "Secret":
            text = str(one)
            assert not [word for word in hidden if word in text], one["metadata"]["name"]
    secret_fields = {
        f"TALLYWIRE_{name.upper()}"
        for name, field in Settings.model_fields.items()
        if "SecretStr" in str(field.annotation)
    } - {"TALLYWIRE_REPORTS_STORE"}  # the name of a bucket, unless it is given as a secret
    for _, pod in chart.pods(every):
        for variable in chart.container(pod)["env"]:
            if variable["name"] in {*secret_fields, "DATABASE_URL", "REDIS_URL"}:
                assert "valueFrom" in variable


def test_the_owner_s_login_is_for_the_migration_and_the_console_alone() -> None:
    every = chart.objects("everything")
    urls = {
        owner["metadata"]["name"].removeprefix("tallywire-"): chart.environment(every, pod).get("DATABASE_URL", "")
        for owner, pod in chart.pods(every)
    }
    assert {name for name, url in urls.items() if "owner" in url} == {"migrate", "console"}
    assert {name for name, url in urls.items() if "service" in url} == {"server", "worker"}


def test_pods_keep_to_the_restricted_standard(values: str) -> None:
    for _, pod in chart.pods(chart.objects(values)):
        spec, rights = pod["spec"], chart.container(pod)["securityContext"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        if values != "volume-and-ipv6":
            assert (spec["securityContext"]["runAsUser"], spec["securityContext"]["fsGroup"]) == (10001, 10001)
        assert rights["allowPrivilegeEscalation"] is False
        assert rights["readOnlyRootFilesystem"] is True
        assert rights["capabilities"] == {"drop": ["ALL"]}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        allowed = {"name", "emptyDir", "secret", "configMap", "persistentVolumeClaim"}
        assert all(volume.keys() <= allowed for volume in spec["volumes"])
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False, "variables such as TALLYWIRE_SERVER_PORT are no settings"


def test_servers_slow_down_before_they_run_out_of_memory(values: str, monkeypatch: pytest.MonkeyPatch) -> None:
    every = chart.objects(values)
    pod = _pod(every, "server")
    known = _settings(every, pod, monkeypatch)
    limit: Any = re.fullmatch(r"(\d+)([MG]i)", chart.container(pod)["resources"]["limits"]["memory"])
    assert int(limit[1]) * _UNITS[limit[2]] > known.processes * known.max_memory_mib * 2**20


def test_every_component_spreads_over_nodes_and_zones() -> None:
    for one in chart.of_kind(chart.objects("least"), "Deployment"):
        spread = one["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert [rule["topologyKey"] for rule in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        assert all(rule["labelSelector"] == one["spec"]["selector"] for rule in spread)
        assert {rule["whenUnsatisfiable"] for rule in spread} == {"ScheduleAnyway"}
