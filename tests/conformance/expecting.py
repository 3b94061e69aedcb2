"""Comparison of what came with what a case expects: a part of it, with a few patterns."""

import re
from collections.abc import Iterator
from typing import Any


def differences(expected: Any, actual: Any, path: str = "") -> Iterator[str]:
    """Yields, for each place where `actual` is not as expected, what is there.

    Objects may have more members than expected; lists have as many elements. An object with one member that begins with
    a $ is a pattern: $absent, $at_least, $at_most, $matches (a regular expression, found anywhere), $contains (elements
    of a list, in any order), $length, $one_of.
    """
    where = path or "the whole"
    if isinstance(expected, dict) and len(expected) == 1 and next(iter(expected)).startswith("$"):
        ((pattern, wanted),) = expected.items()
        if not _fits(pattern, wanted, actual):
            yield f"{where} is {_shown(actual)}, which does not fit {pattern} {wanted!r}"
    elif isinstance(expected, dict):
        if not isinstance(actual, dict):
            yield f"{where} is {_shown(actual)}, not an object"
            return
        for name, wanted in expected.items():
            inner = f"{path}.{name}" if path else name
            if name in actual:
                yield from differences(wanted, actual[name], inner)
            elif wanted != {"$absent": True}:
                yield f"{inner} is absent, not {wanted!r}"
    elif isinstance(expected, list):
        if not isinstance(actual, list) or len(actual) != len(expected):
            yield f"{where} is {_shown(actual)}, not a list of {len(expected)}"
            return
        for number, wanted in enumerate(expected):
            yield from differences(wanted, actual[number], f"{path}[{number}]")
    elif isinstance(expected, float) and isinstance(actual, int | float) and not isinstance(actual, bool):
        if abs(expected - actual) > 1e-9 * max(1.0, abs(expected)):
            yield f"{where} is {actual!r}, not {expected!r}"
    elif (
        type(expected) is not type(actual) and not (_is_number(expected) and _is_number(actual))
    ) or expected != actual:
        yield f"{where} is {_shown(actual)}, not {expected!r}"


def _fits(pattern: str, wanted: Any, actual: Any) -> bool:
    match pattern:
        case "$absent":
            return False  # a member that is there; one that is not never comes here
        case "$at_least":
            return float(actual) >= wanted
        case "$at_most":
            return float(actual) <= wanted
        case "$matches":
            return isinstance(actual, str) and re.search(wanted, actual) is not None
        case "$contains":
            return isinstance(actual, list) and all(any(not list(differences(w, a)) for a in actual) for w in wanted)
        case "$length":
            return isinstance(actual, list) and len(actual) == wanted
        case "$one_of":
            return any(not list(differences(one, actual)) for one in wanted)
    raise ValueError(f"there is no pattern {pattern}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}…"
