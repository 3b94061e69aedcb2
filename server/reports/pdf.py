"""Reports as PDF/A: pages by typst, with charts as vectors and all fonts embedded.

typst gets the template of this package and the document as JSON. No text of a report is ever put into the template.
"""

import functools
import importlib.resources
import json
import tempfile
from typing import Any, Final

from server.reports import extras, layout
from server.reports.document import ReportDocument

MOST_ROWS: Final = 1_000  # of a table
_STANDARD: Final = "a-2b"
_TEMPLATE: Final = importlib.resources.files("server.reports") / "report.typ"


@functools.cache
def _fonts() -> Any:
    """Returns the fonts of this installation's packages, and those of the system for scripts that these lack. It takes
    a tenth of a second, once.
    """
    import typst

    return typst.Fonts(include_system_fonts=True, include_embedded_fonts=False, font_paths=extras.font_folders())


def written(document: ReportDocument) -> bytes:
    """Returns the PDF of a document. It takes some tenths of a second of a whole core: it belongs in a thread."""
    import typst

    data = json.dumps(layout.laid_out(document, most_rows=MOST_ROWS), ensure_ascii=False)
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
        made = compiler.compile(format="pdf", pdf_standards=[_STANDARD], timestamp=int(document.made_at.timestamp()))
    if not isinstance(made, bytes):
        raise TypeError("typst returns the bytes of one PDF")
    return made
