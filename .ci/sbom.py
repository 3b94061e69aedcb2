"""Writes what the service and its clients stand on as bills of materials, in CycloneDX 1.6 as JSON.

`python3 .ci/sbom.py FOLDER` reads the lock files of this checkout and nothing else, and writes a file for each product:
server.cdx.json, web.cdx.json, client-go.cdx.json and so on. Without FOLDER it only says what there is. The same files
make the same bytes: the time is that of SOURCE_DATE_EPOCH, or of the last commit. It needs nothing but Python 3.11.

Hashes are those of the lock files: of every file that an index has of a release (Python), of the package (npm), of the
crate (Rust), and of a module as go.sum has it (SHA-256 of its list of files). Maven has no lock file: its components
are the dependencies that the poms name, without hashes.
"""

import base64
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib
import uuid
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

ROOT = pathlib.Path(__file__).resolve().parents[1]
_MAVEN = "{http://maven.apache.org/POM/4.0.0}"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)(?:\s*;\s*([^\\]+?))?\s*\\?$")
_NAMESPACE = uuid.UUID("6f1d5a3e-4a8e-5c62-9d3b-7f1f2f0f6a10")


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A package that something stands on. is_shipped: it is part of the product, and not of its building and tests."""

    purl: str
    name: str
    version: str
    hashes: Sequence[tuple[str, str]] = ()  # names of CycloneDX, and hexadecimal digits
    is_shipped: bool = True
    group: str = ""
    marker: str = ""  # where it is needed: an environment marker of Python


def python(*files: str, shipped: str = "") -> Iterator[Component]:
    """Yields the pins of requirement files. shipped is the one whose pins are part of the product; none: all are."""
    ours = {one.purl for one in _pins(shipped)} if shipped else None
    for file in files:
        yield from _pins(file, ours)


def _pins(file: str, ours: set[str] | None = None) -> Iterator[Component]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    for place, line in enumerate(lines):
        found = _PIN.match(line)
        if found is None:
            continue
        hashes = []
        for following in lines[place + 1 :]:
            digest = re.match(r"\s+--hash=sha256:([0-9a-f]{64})", following)
            if digest is None:
                break
            hashes.append(("SHA-256", digest[1]))
        purl = f"pkg:pypi/{re.sub('[-_.]+', '-', found[1]).lower()}@{found[2]}"
        yield Component(
            purl=purl,
            name=found[1],
            version=found[2],
            hashes=hashes,
            is_shipped=ours is None or purl in ours,
            marker=found[3] or "",
        )


def npm(file: str) -> Iterator[Component]:
    """Yields the packages of a package-lock.json."""
    packages = json.loads((ROOT / file).read_text(encoding="utf-8"))["packages"]
    for path, one in packages.items():
        if not path or one.get("link"):
            continue
        name = one.get("name") or path.rpartition("node_modules/")[2]
        group, _, short = name.rpartition("/")
        algorithm, _, digest = one["integrity"].partition("-")
        yield Component(
            purl=f"pkg:npm/{quote(group) + '/' if group else ''}{short}@{one['version']}",
            name=short,
            version=one["version"],
            group=group,
            hashes=[(f"SHA-{algorithm.removeprefix('sha')}", base64.b64decode(digest).hex())],
            is_shipped=not one.get("dev", False) and not one.get("devOptional", False),
        )


def cargo(file: str) -> Iterator[Component]:
    """Yields the crates of a Cargo.lock that are not the project's own."""
    if not (ROOT / file).exists():  # git ignores it, since it is a library's
        sys.exit(f"{file} is not there: cargo generate-lockfile --manifest-path {file.replace('.lock', '.toml')}")
    for one in tomllib.loads((ROOT / file).read_text(encoding="utf-8"))["package"]:
        if "source" in one:
            yield Component(
                purl=f"pkg:cargo/{one['name']}@{one['version']}",
                name=one["name"],
                version=one["version"],
                hashes=[("SHA-256", one["checksum"])],
            )


def go(file: str) -> Iterator[Component]:
    """Yields the modules of a go.sum whose content is locked."""
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        module, version, digest = line.split()
        if not version.endswith("/go.mod"):
            hexadecimal = base64.b64decode(digest.removeprefix("h1:")).hex()
            yield Component(
                purl=f"pkg:golang/{module}@{quote(version)}",
                name=module,
                version=version,
                hashes=[("SHA-256", hexadecimal)],
            )


def maven(folder: str) -> Iterator[Component]:
    """Yields the dependencies that the poms of a project name, with the versions that they or an imported BOM say."""
    top = ElementTree.parse(ROOT / folder / "pom.xml").getroot()  # noqa: S314 - a file of this repository
    known = {one.tag.removeprefix(_MAVEN): one.text or "" for one in top.findall(f"{_MAVEN}properties/*")}
    managed, boms = dict[tuple[str, str], str](), dict[str, str]()
    for one in top.iter(f"{_MAVEN}dependency"):
        group, name, version = (_text(one, tag, known) for tag in ("groupId", "artifactId", "version"))
        if _text(one, "scope", known) == "import":
            boms[group] = version
        elif version:
            managed[group, name] = version
    own = _text(top, "groupId", known)
    for pom in sorted((ROOT / folder).rglob("pom.xml")):
        if "target" in pom.parts:
            continue
        for one in ElementTree.parse(pom).getroot().findall(f"{_MAVEN}dependencies/{_MAVEN}dependency"):  # noqa: S314 - as above
            group, name, version = (_text(one, tag, known) for tag in ("groupId", "artifactId", "version"))
            if group == own or group.startswith("${project"):
                continue
            of_bom = next((boms[bom] for bom in boms if f"{group}.".startswith(f"{bom}.")), "")
            version = version or managed.get((group, name), "") or of_bom
            yield Component(
                purl=f"pkg:maven/{group}/{name}@{version}",
                name=name,
                version=version,
                group=group,
                is_shipped=_text(one, "scope", known) in ("", "compile", "runtime"),
            )


def _text(element: "ElementTree.Element", tag: str, known: Mapping[str, str]) -> str:
    text = (element.findtext(f"{_MAVEN}{tag}") or "").strip()
    return re.sub(r"\$\{([^}]+)\}", lambda one: known.get(one[1], one[0]), text)


# The products, and where what they stand on is locked.
PRODUCTS: Mapping[str, Callable[[], Iterator[Component]]] = {
    "server": lambda: python("requirements.txt", shipped="requirements-server.txt"),
    "development": lambda: python("requirements-dev.txt", "protos/requirements.txt"),
    "web": lambda: npm("clients/web/package-lock.json"),
    "client-typescript": lambda: npm("clients/typescript/package-lock.json"),
    "client-rust": lambda: cargo("clients/rust/Cargo.lock"),
    "client-go": lambda: go("clients/go/go.sum"),
    "client-java": lambda: maven("clients/java"),
}


def components(product: str) -> Sequence[Component]:
    """Returns what a product stands on, each once, by name. What is shipped anywhere is shipped."""
    found: dict[str, Component] = {}
    for one in PRODUCTS[product]():
        if one.purl not in found or (one.is_shipped and not found[one.purl].is_shipped):
            found[one.purl] = one
    return [found[purl] for purl in sorted(found)]


def document(product: str, version: str, at: datetime.datetime) -> dict[str, object]:
    """Returns the bill of materials of a product."""
    listed = [_component(one) for one in components(product)]
    digest = hashlib.sha256(json.dumps([product, version, listed]).encode()).hexdigest()
    subject = {"type": "application", "bom-ref": f"tallywire-{product}", "name": f"tallywire-{product}"}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, digest)}",
        "version": 1,
        "metadata": {
            "timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lifecycles": [{"phase": "pre-build"}],
            "component": {**subject, "version": version},
        },
        "components": listed,
    }


def _component(one: Component) -> dict[str, object]:
    told: dict[str, object] = {"type": "library", "bom-ref": one.purl}
    if one.group:
        told["group"] = one.group
    told |= {"name": one.name, "version": one.version, "scope": "required" if one.is_shipped else "excluded"}
    if one.hashes:
        told["hashes"] = [{"alg": name, "content": content} for name, content in one.hashes]
    told["purl"] = one.purl
    if one.marker:
        told["properties"] = [{"name": "tallywire:marker", "value": one.marker}]
    return told


def _time() -> datetime.datetime:
    given = (
        os.environ.get("SOURCE_DATE_EPOCH")
        or subprocess.run(
            ["git", "log", "-1", "--format=%ct"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    return datetime.datetime.fromtimestamp(int(given), datetime.UTC)


def main(arguments: Sequence[str]) -> int:
    """Writes the files, or says what there is; returns the exit code."""
    if len(arguments) > 1 or any(one.startswith("-") for one in arguments):
        print(__doc__, file=sys.stderr)
        return 2
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    at = _time()
    for product in PRODUCTS:
        made = document(product, version, at)
        every = components(product)
        told = f"{product}: {len(every)} packages, {sum(one.is_shipped for one in every)} of them shipped"
        if arguments:
            file = pathlib.Path(arguments[0]) / f"{product}.cdx.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            told += f" → {file}"
        print(told)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
