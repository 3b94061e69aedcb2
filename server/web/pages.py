"""The built pages: read and compressed once, when the process starts."""

import gzip
import hashlib
import json
import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "static"
NOT_BUILT: Final = (
    "the pages are not built: (cd clients/web && npm ci && npm run build) makes them, with Node 20.19 or later"
)
_APP, _PANEL, _STAMP, _PRELOADS = "index.html", "embed.html", "build.json", "preloads.json"
_FIRST = "/overview"  # what "/" shows to those who have chosen nothing else
_WORTH_IT = 256  # bytes that compression should save a little of
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file as it is sent."""

    content_type: str
    plain: bytes
    compressed: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The pages: HTML by name, and everything else by its path. Paths of files hold the hash of all.

    app is the HTML of all pages; app_by_page names the files of one page, too, which so come with the first ones.
    """

    build: str
    app: Asset | None
    app_by_page: Mapping[str, Asset]
    panel: Asset | None
    assets: Mapping[str, Asset]

    def app_at(self, path: str) -> Asset | None:
        """Returns the HTML of a path; None where the pages are not built."""
        first, slash, _ = (_FIRST if path == "/" else path)[1:].partition("/")
        return self.app_by_page.get(f"/{first}{slash}", self.app)


def read(folder: Path = FOLDER) -> Pages:
    """Reads the pages of a folder; without them app and panel are None."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (_STAMP, _PRELOADS)
    }
    preloads = json.loads(path.read_text()) if (path := folder / _PRELOADS).is_file() else {}
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(f"{name}\n{hashlib.sha256(content).hexdigest()}\n".encode())
    build = digest.hexdigest()[:16]
    return Pages(
        build=build,
        app=_html(files, _APP, build),
        app_by_page={
            page: found for page, needed in preloads.items() if (found := _html(files, _APP, build, needed)) is not None
        },
        panel=_html(files, _PANEL, build),
        assets={
            f"/assets/{build}/{name.removeprefix('assets/')}": _asset(name, content)
            for name, content in files.items()
            if not name.endswith(".html")
        },
    )


def _html(files: Mapping[str, bytes], name: str, build: str, preloads: Sequence[str] = ()) -> Asset | None:
    """Returns a page whose files are found under the hash of all, and which names further ones that it will need."""
    content = files.get(name)
    if content is None:
        return None
    links = "".join(f'  <link rel="modulepreload" crossorigin href="./{one}">\n' for one in preloads)
    content = content.replace(b"</head>", f"{links}</head>".encode())
    return _asset(name, content.replace(b'"./assets/', f'"/assets/{build}/'.encode()))


def _asset(name: str, content: bytes) -> Asset:
    suffix = Path(name).suffix
    kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    compressed = gzip.compress(content, 9, mtime=0) if len(content) > _WORTH_IT else None
    if compressed is not None and len(compressed) >= len(content):
        compressed = None
    text = kind.startswith("text/") or kind == "image/svg+xml"
    return Asset(content_type=f"{kind}; charset=utf-8" if text else kind, plain=content, compressed=compressed)
