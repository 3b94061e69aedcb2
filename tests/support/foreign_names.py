"""Rows of the table of what requests can name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Fields = Callable[[str], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Something that a request names. thing is what, by the name that the owner's fixture gives it; is_told says that
    the owner's answer is another one than that about nothing.
    """

    thing: str
    fields: Fields
    is_told: bool = True


def case(thing: str, fields: Fields, *, is_told: bool = True) -> Case:
    return Case(thing=thing, fields=fields, is_told=is_told)


def page_of(rpc: str, first: Mapping[str, Any], **more: Any) -> Case:
    """The next page of a list, whose first one was asked for."""
    return case(f"page of {rpc}", lambda token: {"page_token": token, **first, **more})
