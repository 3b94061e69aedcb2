"""What writes the files of reports beside the standard library: the extra "reports" of tallywire-server."""

import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from server.errors import Reason, Refused

INSTALL: Final = 'pip install "tallywire-server[reports]"'
_FONTS: Final = (
    "fontpkg_noto_sans",
    "fontpkg_noto_sans_arabic",
    "fontpkg_noto_sans_thai",
    "fontpkg_open_sans",
    "noto_cjk_sans_jp_regular",
)
_MODULES: Final[Mapping[str, tuple[str, ...]]] = {
    "pdf": ("typst", _FONTS[0]),  # the others are for texts in their scripts, and systems have such fonts, too
    "xlsx": ("xlsxwriter",),
}
_OF_ALL: Final = ("obstore",)


def check(formats: Iterable[str]) -> None:
    """Refuses a run for which this installation lacks something."""
    wanted = dict.fromkeys([*_OF_ALL, *(module for one in formats for module in _MODULES.get(one, ()))])
    missing = [one for one in wanted if importlib.util.find_spec(one) is None]
    if missing:
        raise Refused(
            Reason.FORMAT_NOT_INSTALLED,
            f"this deployment lacks {', '.join(missing)}: its operator installs it with {INSTALL}",
            metadata={"command": INSTALL},
        )


def font_folders() -> list[str]:
    """Returns the folders of fonts that packages have brought. Nothing of these packages is imported: the files are
    all that is used of them.
    """
    found = []
    for name in _FONTS:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            found += [str(Path(one)) for one in spec.submodule_search_locations]
    return found
