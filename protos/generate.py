"""Makes what the clients take from the contract: python protos/generate.py [--check] [LANGUAGE ...].

Each language has a module in protos/generators, which names the files that are its own and makes their content with
pinned tools. Without a language all are made whose toolchain is on PATH; --all asks for every one, and fails where a
toolchain is missing.

protos/generated.json records what each language's files were made of. With --recorded nothing is made: the record is
compared with the files that there are, which takes no toolchain.
"""

import argparse
import hashlib
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from generators import LANGUAGES, Generator
from generators.contract import SERVICE_CONFIG

ROOT = pathlib.Path(__file__).resolve().parents[1]
RECORD = ROOT / "protos" / "generated.json"


def main() -> int:
    """Brings the generated files up to date, or with --check only compares; returns the exit code."""
    parser = argparse.ArgumentParser(description="Makes what the clients take from the contract.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file would change")
    parser.add_argument("--recorded", action="store_true", help="make nothing; fail where the record does not hold")
    parser.add_argument("--all", action="store_true", help="fail where the toolchain of a language is missing")
    parser.add_argument("languages", nargs="*", metavar="LANGUAGE", help=f"some of {', '.join(LANGUAGES)}")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.languages if name not in LANGUAGES]:
        parser.error(f"unknown language {unknown[0]!r}: one of {', '.join(LANGUAGES)}")
    if arguments.recorded:
        return _check_record(arguments.languages or list(LANGUAGES))
    is_stale = False
    for name in arguments.languages or LANGUAGES:
        generator = LANGUAGES[name]
        if missing := generator.missing():
            if arguments.all or arguments.languages:
                sys.exit(f"{name}: {missing}")
            print(f"left out: {name}: {missing}")
            continue
        is_stale |= _bring_up_to_date(generator, check=arguments.check)
        if not arguments.check:
            _record(name)
    if arguments.check and is_stale:
        print("The generated code is not what the contract makes: run python protos/generate.py and commit.")
        return 1
    return 0


def _check_record(names: list[str]) -> int:
    """Tells for each language whether its files are recorded as made of the inputs that there are."""
    recorded = json.loads(RECORD.read_text(encoding="utf-8"))
    stale = [name for name in names if recorded.get(name) != _digest(LANGUAGES[name])]
    for name in stale:
        print(f"stale: {name}: run python protos/generate.py {name} and commit")
    return 1 if stale else 0


def _record(name: str) -> None:
    recorded = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    recorded[name] = _digest(LANGUAGES[name])
    RECORD.write_text(json.dumps(recorded, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _digest(generator: Generator) -> str:
    """Returns a digest of all that a language's files are made of, and of the files."""
    made_of = [*(ROOT / "protos").rglob("*.proto"), *(ROOT / "protos" / "generators").glob("*.py"), SERVICE_CONFIG]
    digest = hashlib.sha256()
    for path in (*sorted([*made_of, *generator.inputs()]), *sorted(generator.present())):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _bring_up_to_date(generator: Generator, *, check: bool) -> bool:
    """Writes or, with check, only names the files that differ; tells whether there were any."""
    made = generator.generate()
    changes: dict[pathlib.Path, bytes | None] = dict.fromkeys(generator.present() - made.keys())
    changes |= {path: content for path, content in made.items() if not _holds(path, content)}
    for path, content in sorted(changes.items()):
        if not check:
            _put(path, content)
        print(f"{'stale' if check else 'removed' if content is None else 'wrote'}: {path.relative_to(ROOT)}")
    return bool(changes)


def _holds(path: pathlib.Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() == content


def _put(path: pathlib.Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())
