"""The tests of the chart need Helm and the schemas of Kubernetes: .ci/helm, and requirements-dev.txt."""

import importlib.util
import shutil

import pytest

# What is missing here is a tool of those who change the chart, and no engine of the service; .ci/run has both.
_MISSING = [
    what
    for what, is_there in (
        ("helm (.ci/helm builds it)", shutil.which("helm") is not None),
        ("kubernetes-validate (requirements-dev.txt)", importlib.util.find_spec("kubernetes_validate") is not None),
    )
    if not is_there
]
collect_ignore_glob = ["test_*.py"] if _MISSING else []


def pytest_report_header() -> str | None:
    """Says which tests are left out, and why."""
    return f"tests/kubernetes is left out: there is no {' and no '.join(_MISSING)}" if _MISSING else None


@pytest.fixture(params=["least", "everything", "tls", "mutual-tls", "existing-secrets", "volume-and-ipv6"])
def values(request: pytest.FixtureRequest) -> str:
    """The name of values with which people deploy."""
    name: str = request.param
    return name
