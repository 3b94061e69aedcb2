"""What calls are refused for, in a word that tables of tests can hold."""

from typing import Any

from tests.support import serving


async def reason(call: Any) -> str:
    """The reason and the field for which a call is refused: "REQUIRED_FIELD metrics"; it must be."""
    said = serving.refusal(await serving.refused(call))
    return f"{said.reason} {said.field}"
