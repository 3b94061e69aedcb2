"""Lets `python -m tallywire.cli` stand in for the command."""

from tallywire.cli import main

main()
