"""Lets `python -m agentmetrics.cli` stand in for the command."""

from agentmetrics.cli import main

main()
