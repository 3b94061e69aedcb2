"""Reports as PDF/A: pages by typst, with charts as vectors and all fonts embedded.

typst gets the template of this package and the document as JSON. No text of a report is ever put into the template.
"""

import functools
import importlib.resources
import json
import tempfile
from pathlib import Path
from typing import Any, Final, Literal

from server.reports import extras, layout
from server.reports.document import ReportDocument
from server.reports.glyphs import Coverage
from server.reports.layout import Laid

MOST_ROWS: Final = (1_000, 500, 250, 100, 50, 25)  # of a table: as many as all tables together leave room for
# A cell takes the compiler 10 kB and 100 bytes for each letter: this is 400 MB, and a hundred pages of usual tables.
_ROOM: Final = 4_000_000
_CELL: Final = 100  # letters
_STANDARD: Final[Literal["a-2b"]] = "a-2b"
_NOT_OF_STANDARD: Final = "PDF/A"  # in what the compiler says of it
_TEMPLATE: Final = importlib.resources.files("server.reports") / "report.typ"


@functools.cache
def _fonts() -> Any:
    """Returns the fonts of this installation's packages, and those of the system for scripts that these lack. It takes
    a tenth of a second, once.
    """
    import typst

    return typst.Fonts(include_system_fonts=True, include_embedded_fonts=False, font_paths=extras.font_folders())


@functools.cache
def _coverage() -> Coverage:
    """Returns the characters that these fonts have. It reads all of them."""
    return Coverage((Path(one.path), one.index) for one in _fonts().fonts() if one.path)


def written(document: ReportDocument) -> bytes:
    """Returns the PDF of a document. It takes some tenths of a second of a whole core: it belongs in a thread."""
    import typst

    laid = _fitting(document)
    at = int(document.made_at.timestamp())
    try:
        return _compiled(laid, at, _STANDARD)
    except typst.TypstError as error:
        if _NOT_OF_STANDARD not in str(error):
            raise
    # A text has a character that no font has, such as an emoji: the standard allows none that cannot be shown.
    laid = _coverage().shown(laid)
    try:
        return _compiled(laid, at, _STANDARD)
    except typst.TypstError as error:
        if _NOT_OF_STANDARD not in str(error):
            raise
    return _compiled(laid, at, None)


def _fitting(document: ReportDocument) -> Laid:
    """Returns a document as it is shown, with fewer rows of each table where there are many and long ones: whoever
    asks for a report must not take the memory of a worker, and its other tasks with it.
    """
    *first, last = MOST_ROWS
    for most in first:
        laid = layout.laid_out(document, most_rows=most)
        if sum(map(_size, laid["blocks"])) <= _ROOM:
            return laid
    return layout.laid_out(document, most_rows=last)


def _size(block: Laid) -> int:
    table = block["table"]
    return 0 if table is None else sum(_CELL + len(cell) for row in table["rows"] for cell in row)


def _compiled(laid: Laid, at: int, standard: Literal["a-2b"] | None) -> bytes:
    import typst

    data = json.dumps(laid, ensure_ascii=False)
    # An empty folder is all that the template could read.
    with tempfile.TemporaryDirectory(prefix="tallywire-report-") as folder:
        compiler = typst.Compiler(
            _TEMPLATE.read_bytes(),
            root=folder,
            font_paths=_fonts(),
            sys_inputs={"data": data},
            package_path=folder,
            package_cache_path=folder,
        )
        made = compiler.compile(format="pdf", pdf_standards=standard, timestamp=at)
    if not isinstance(made, bytes):
        raise TypeError("typst returns the bytes of one PDF")
    return made
