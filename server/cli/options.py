"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

APP_OPTIONS: dict[str, Any] = {
    "no_args_is_help": True,
    "add_completion": False,
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}

DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Use the service that `up` runs in this folder. Default: DATABASE_URL, or what runs in ~/.tallywire."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
