"""Bills of materials name every package that is locked, with its version and its hashes."""

import importlib.util
import json
import re
import sys
import tomllib
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest

from tests.documentation import ROOT

AT = datetime(2026, 1, 1, tzinfo=UTC)


def program(name: str) -> ModuleType:
    """A program of .ci, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sbom: Any = program("sbom")
advisories: Any = program("advisories")


_BUILT = pytest.mark.skipif(
    not (ROOT / "clients" / "rust" / "Cargo.lock").exists(),
    reason="cargo makes clients/rust/Cargo.lock where the client is built",
)


def listed(product: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sbom.document(product, "1.2.3", AT)["components"]
    return found


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("product", "files"),
    [("server", ["requirements.txt"]), ("development", ["requirements-dev.txt", "protos/requirements.txt"])],
)
def test_every_pin_of_python_is_there_with_each_hash(product: str, files: list[str]) -> None:
    pin = re.compile(r"^([\w.-]+)(?:\[.*\])?==([^\s;]+)", re.MULTILINE)
    pins = {found for file in files for found in pin.findall(text(file))}
    found = listed(product)
    assert {(one["name"], one["version"]) for one in found} == pins
    hashes = {one for file in files for one in re.findall(r"--hash=sha256:([0-9a-f]{64})", text(file))}
    assert {each["content"] for one in found for each in one["hashes"]} == hashes
    assert all(one["hashes"] for one in found)


def test_what_the_service_alone_stands_on_is_told_apart() -> None:
    found = {one["name"]: one["scope"] for one in listed("server")}
    names = set(re.findall(r"^([\w.-]+)(?:\[.*\])?==", text("requirements-server.txt"), re.MULTILINE))
    assert {name for name, scope in found.items() if scope == "required"} == names
    assert (found["grpcio"], found["pytest"]) == ("required", "excluded")


@pytest.mark.parametrize("product", ["web", "client-typescript"])
def test_every_package_of_npm_is_there(product: str) -> None:
    file = f"clients/{product.removeprefix('client-')}/package-lock.json"
    packages = json.loads(text(file))["packages"]
    locked = {
        path.rpartition("node_modules/")[2]: one for path, one in packages.items() if path and not one.get("link")
    }
    found = listed(product)
    names = {f"{one['group']}/{one['name']}" if "group" in one else one["name"] for one in found}
    assert names == {one.get("name", name) for name, one in locked.items()}
    assert all(len(one["hashes"][0]["content"]) == 128 for one in found if one["hashes"][0]["alg"] == "SHA-512")


@_BUILT
def test_every_crate_is_there() -> None:
    crates = [one for one in tomllib.loads(text("clients/rust/Cargo.lock"))["package"] if "checksum" in one]
    assert {(one["name"], one["version"], one["hashes"][0]["content"]) for one in listed("client-rust")} == {
        (one["name"], one["version"], one["checksum"]) for one in crates
    }


def test_every_module_of_go_is_there() -> None:
    modules = [line.split() for line in text("clients/go/go.sum").splitlines() if "/go.mod " not in line]
    assert {(one["name"], one["version"]) for one in listed("client-go")} == {(one[0], one[1]) for one in modules}
    assert all(len(one["hashes"][0]["content"]) == 64 for one in listed("client-go"))


def test_dependencies_of_poms_have_versions() -> None:
    found = {f"{one['group']}:{one['name']}": one["version"] for one in listed("client-java")}
    assert (
        found["io.grpc:grpc-stub"] == re.search(r"<grpc.version>(.*)</grpc.version>", text("clients/java/pom.xml"))[1]
    )  # type: ignore[index]
    assert not [name for name, version in found.items() if not re.fullmatch(r"[0-9][\w.-]*", version)]


@pytest.mark.parametrize(
    "product", [pytest.param(one, marks=_BUILT if one == "client-rust" else ()) for one in sbom.PRODUCTS]
)
def test_the_form_is_that_of_cyclonedx(product: str) -> None:
    made = sbom.document(product, "1.2.3", AT)
    assert made == sbom.document(product, "1.2.3", AT)
    assert (made["bomFormat"], made["specVersion"], made["metadata"]["timestamp"]) == (
        "CycloneDX",
        "1.6",
        "2026-01-01T00:00:00Z",
    )
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["serialNumber"])
    references = [one["bom-ref"] for one in made["components"]]
    assert len(set(references)) == len(references) > 5
    for one in made["components"]:
        assert re.fullmatch(r"pkg:(pypi|npm|cargo|golang|maven)/[^@\s]+@[^@\s]+", one["purl"])
        assert one["scope"] in ("required", "excluded")
        assert all(re.fullmatch(r"[0-9a-f]{40,128}", each["content"]) for each in one.get("hashes", []))


def test_an_advisory_fails_and_a_database_that_is_away_does_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away() -> list[str]:
        raise advisories.Unreachable("405 Method Not Allowed")

    monkeypatch.setattr(advisories, "QUESTIONS", {"a": away, "b": list})
    assert advisories.main([]) == 0
    assert advisories.main(["--require"]) == 1
    assert "a: not asked: 405 Method Not Allowed\nb: no known vulnerabilities\n" in capsys.readouterr().out
    monkeypatch.setattr(advisories, "QUESTIONS", {"a": away, "b": lambda: ["left-pad 1.0: X-1"]})
    assert advisories.main([]) == 1
    assert "  left-pad 1.0: X-1" in capsys.readouterr().out
