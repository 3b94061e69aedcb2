"""The chart as Kubernetes gets it: rendered by Helm with given values, and what its objects say."""

import copy
import functools
import json
import pathlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

Object = dict[str, Any]

ROOT = pathlib.Path(__file__).parents[2]
CHART = ROOT / "docs" / "operations" / "deploy" / "helm" / "tallywire"
HELM = shutil.which("helm")
NEWEST = "1.37.0"
PEPPER = "pepper-that-must-not-be-seen-0123456789"

_SECRETS = {
    "DATABASE_URL": "postgresql://service:database-password@postgres:5432/tallywire",
    "REDIS_URL": "redis://:redis-password@redis:6379/0",
    "TALLYWIRE_KEY_PEPPER": PEPPER,
}
_LEAST: Object = {
    "image": {"repository": "registry.example/tallywire"},
    "secrets": {"values": _SECRETS},
    "reports": {"store": "s3://reports/tallywire"},
    "web": {"origin": "https://metrics.example.com"},
}
_EVERYTHING: Object = {
    **_LEAST,
    "commonLabels": {"team": "figures"},
    "imagePullSecrets": [{"name": "registry"}],
    "image": {"repository": "registry.example/tallywire", "digest": "sha256:" + "0" * 64},
    "secrets": {
        "values": {
            **_SECRETS,
            "TALLYWIRE_KEY_PEPPERS_ACCEPTED": "accepted-that-must-not-be-seen-0123456789",
            "TALLYWIRE_PSEUDONYM_KEY": "pseudonyms-that-must-not-be-seen-0123456789",
            "TALLYWIRE_SMTP": "smtp+starttls://mail:mail-password@mail.example:587?from=a@example.org",
            "TALLYWIRE_DELIVERY_STORES": "archive=s3://bucket/path",
            "TALLYWIRE_WEB_SIGN_IN_KEY": "sign-in-that-must-not-be-seen-0123456789",
            "OWNER_DATABASE_URL": "postgresql://owner:owner-password@postgres:5432/tallywire",
        }
    },
    "database": {"ownerLogin": True},
    "settings": {"TALLYWIRE_MONTHLY_EVENTS": 100_000_000, "TALLYWIRE_DRAIN_SECONDS": 20.5, "TALLYWIRE_OTLP": False},
    "extraEnv": [{"name": "AWS_REGION", "value": "eu-west-1"}],
    "extraEnvFrom": [{"secretRef": {"name": "bucket"}}],
    "extraVolumes": [{"name": "authority", "configMap": {"name": "authority"}}],
    "extraVolumeMounts": [{"name": "authority", "mountPath": "/etc/authority", "readOnly": True}],
    "identityProviders": {"existingSecret": "providers"},
    "server": {
        "processes": 3,
        "resources": {"requests": {"cpu": 3, "memory": "1Gi"}, "limits": {"memory": "4Gi"}},
        "autoscaling": {"enabled": True, "pendingEvents": 2000},
        "service": {"type": "LoadBalancer", "loadBalancerSourceRanges": ["10.0.0.0/8"], "annotations": {"a": "b"}},
        "podAnnotations": {"a": "b"},
        "podLabels": {"a": "b"},
        "tolerations": [{"key": "metrics", "operator": "Exists"}],
        "priorityClassName": "high",
    },
    "worker": {"autoscaling": {"enabled": True}, "args": ["--concurrency", "8"]},
    "web": {
        "autoscaling": {"enabled": True},
        "proxies": ["10.0.0.0/8"],
        "embedOrigins": ["https://app.example.com"],
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "annotations": {"a": "b"},
            "hosts": ["metrics.example.com"],
            "tls": [{"secretName": "metrics-tls", "hosts": ["metrics.example.com"]}],
        },
    },
    "console": {"enabled": True},
    "metrics": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "rules": {"enabled": True, "labels": {"release": "prometheus"}},
        "dashboard": {"enabled": True},
    },
    "networkPolicy": {
        "clients": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "agents"}}}],
        "browsers": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}],
        "egress": {"enabled": True},
    },
    "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/metrics"}},
}
# What people deploy, by name.
VALUES: Mapping[str, Object] = {
    "least": _LEAST,
    "everything": _EVERYTHING,
    "tls": {**_LEAST, "server": {"tls": {"existingSecret": "server-tls", "caKey": "ca.crt"}}},
    "mutual-tls": {
        **_LEAST,
        "web": {"enabled": False},
        "server": {"tls": {"existingSecret": "server-tls", "clientCA": {"existingSecret": "clients", "key": "ca.pem"}}},
    },
    "existing-secrets": {
        **_LEAST,
        "secrets": {
            "existingSecret": "metrics-secrets",
            "from": {"DATABASE_URL": {"name": "metrics-app", "key": "uri"}},
        },
        "reports": {"volume": {"enabled": True, "existingClaim": "files"}},
        "database": {"ownerLogin": True},
        "serviceAccount": {"create": False},
        "networkPolicy": {"enabled": False},
    },
    "volume-and-ipv6": {
        **_LEAST,
        "reports": {"volume": {"enabled": True, "storageClassName": "shared"}},
        "server": {"listenHost": "[::]", "service": {"port": 443}},
        "web": {"listenHost": "[::]", "origin": "http://127.0.0.1:8080"},
        "migrate": {"enabled": False},
        "podSecurityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None},
    },
}
# Secrets and ConfigMaps that these values name, and that people make themselves, with their keys; none: any.
THEIRS: Mapping[str, frozenset[str]] = {
    "registry": frozenset(),
    "bucket": frozenset(),
    "authority": frozenset(),
    "server-tls": frozenset({"tls.crt", "tls.key", "ca.crt"}),
    "clients": frozenset({"ca.pem"}),
    "providers": frozenset({"providers.toml"}),
    "metrics-app": frozenset({"uri"}),
    "metrics-secrets": frozenset(
        {"REDIS_URL", "TALLYWIRE_KEY_PEPPER", "TALLYWIRE_REPORTS_STORE", "TALLYWIRE_SMTP", "OWNER_DATABASE_URL"}
    ),
}


def helm(*arguments: str, values: Object | None = None) -> subprocess.CompletedProcess[str]:
    """Runs Helm with values."""
    assert HELM is not None
    given = () if values is None else ("--values", "-")
    return subprocess.run(
        [HELM, *arguments, *given],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def render(values: Object, *, release: str = "tallywire", version: str = NEWEST) -> list[Object]:
    """Returns the objects of a release. Fails with what Helm says."""
    done = helm("template", release, str(CHART), "--namespace", "figures", "--kube-version", version, values=values)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


@functools.cache
def _rendered(name: str) -> str:
    return json.dumps(render(VALUES[name]))


def objects(name: str) -> list[Object]:
    """Returns the objects of a release with values of that name."""
    made: list[Object] = json.loads(_rendered(name))
    return made


def of_kind(every: list[Object], *kinds: str) -> list[Object]:
    """Returns the objects of some kinds."""
    return [one for one in every if one["kind"] in kinds]


def component(every: list[Object], kind: str, name: str) -> Object:
    """Returns the object of a kind whose name ends with that of a component."""
    (found,) = [one for one in of_kind(every, kind) if one["metadata"]["name"].removeprefix("tallywire-") == name]
    return found


def pods(every: list[Object]) -> Iterator[tuple[Object, Object]]:
    """Yields each object that makes pods, and the pod."""
    for one in of_kind(every, "Deployment", "Job"):
        yield one, one["spec"]["template"]


def container(pod: Object) -> Object:
    """Returns the only container of a pod."""
    (only,) = pod["spec"]["containers"]
    return dict(only)


def is_selected(selector: Mapping[str, str], pod: Object) -> bool:
    """Returns whether the labels of a pod match a selector."""
    return selector.items() <= pod["metadata"]["labels"].items()


def environment(every: list[Object], pod: Object) -> dict[str, str]:
    """Returns the variables that a container gets, those from the chart's own Secrets with their values."""
    secrets = {one["metadata"]["name"]: one["stringData"] for one in of_kind(every, "Secret")}
    found = {}
    for one in container(pod)["env"]:
        if "value" in one:
            found[one["name"]] = one["value"]
        else:
            key = one["valueFrom"]["secretKeyRef"]
            found[one["name"]] = secrets.get(key["name"], _SECRETS).get(key["key"], _SECRETS.get(one["name"]))
    return {name: value for name, value in found.items() if value is not None}


def changed(name: str, **changes: Any) -> Object:
    """Returns the values of that name with others in place of some: server__tls={…} is server: {tls: …}."""
    values = copy.deepcopy(dict(VALUES[name]))
    for path, value in changes.items():
        *folders, last = path.split("__")
        inner = values
        for folder in folders:
            inner = inner.setdefault(folder, {})
        inner[last] = value
    return values
