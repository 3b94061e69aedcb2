"""The documentation as tests read it: pages, code blocks, tables and the commands that it tells people to type."""

import pathlib
import re
import shlex
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).parents[1]
README = "README.md"
API = "docs/api.md"
EVENTS = "docs/events.md"
REALTIME = "docs/realtime.md"
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / README, ROOT / "clients/python/README.md", *sorted((ROOT / "docs").rglob("*.md")))
}
EVERYTHING = "\n".join(PAGES.values())


def blocks(language: str, text: str = EVERYTHING) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def shell_lines() -> list[str]:
    """The lines of all shell blocks."""
    return [line for block in blocks("sh") for line in block.splitlines()]


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table of a page after a text."""
    _, found, after = PAGES[page].partition(heading)
    assert found, f"{page} has no {heading}"
    table = re.search(r"(?:^\|.*\n)+", after, re.MULTILINE)
    assert table is not None, heading
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]


def commands(start: str) -> Iterator[list[str]]:
    """The words after a command, wherever a page has it: in a block or between backticks."""
    for span in [*re.findall(r"(?<!`)`([^`\n]+)`(?!`)", EVERYTHING), *shell_lines()]:
        for found in re.finditer(rf"(?:^|[\s(/]){re.escape(start)}(?=$|[\s)])([^)|&>#]*)", span):
            yield shlex.split(found[1])


def anchors(page: str) -> set[str]:
    """The anchors that a page's headings make."""
    return {
        re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)", PAGES[page], re.MULTILINE)
    }
