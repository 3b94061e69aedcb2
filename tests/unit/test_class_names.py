"""A public class name means one thing in the servers, the workers and the Python client."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("server", "workers", "clients/python/src")


def is_public(name: str) -> bool:
    """Returns whether a class name is public; private ones stand for something in their own module alone."""
    return not name.startswith("_")


def test_a_class_name_means_one_thing() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.name.endswith(("_pb2.py", "_pb2_grpc.py")):
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef) and is_public(node.name):
                    places[node.name].append(str(path.relative_to(ROOT)))
    assert len(places) > 200, "the classes were found"
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
