"""The tau2-bench runs of Sierra Research as events; their bytes lie beside the repository and are not part of it."""

import json
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tallywire.v1 import event_pb2

DATA = Path(__file__).parents[3] / "shared" / "data" / "tau2_sierra"


def events() -> Iterator[event_pb2.Event]:
    """The events of every simulation of every run."""
    with tarfile.open(DATA / "runs.tar.gz") as runs:
        for member in runs:
            file = runs.extractfile(member)
            if file is not None:
                run = json.load(file)
                for simulation in run["simulations"]:
                    yield from _simulation(run["info"], simulation)


def _simulation(info: dict[str, Any], simulation: dict[str, Any]) -> Iterator[event_pb2.Event]:
    identity = simulation["id"]
    agent = info["agent_info"]["llm"]
    user = f"{info['environment_info']['domain_name']}:{simulation['task_id']}"

    def event(event_type: str, suffix: str, at: str) -> event_pb2.Event:
        made = event_pb2.Event(
            event_id=f"{identity}:{suffix}",
            event_type=event_type,
            agent_id=agent,
            user_id=user,
            conversation_id=identity,
        )
        made.occurred_at.FromDatetime(datetime.fromisoformat(at).replace(tzinfo=UTC))
        return made

    yield event("conversation.started", "start", simulation["start_time"])
    before: datetime | None = None
    escalated = False
    for index, message in enumerate(simulation["messages"]):
        at = datetime.fromisoformat(message["timestamp"])
        if message["role"] == "user" and message.get("content"):
            yield event("message.received", str(index), message["timestamp"])
        if message["role"] == "assistant":
            if message.get("content"):
                sent = event("message.sent", str(index), message["timestamp"])
                _measure(sent.message, message, at, before)
                yield sent
            for number, call in enumerate(message.get("tool_calls") or ()):
                called = event("api.called", f"{index}:call:{number}", message["timestamp"])
                called.api.endpoint = call["name"]
                yield called
                escalated = escalated or call["name"] == "transfer_to_human_agents"
        before = at
    resolved = (simulation.get("reward_info") or {}).get("reward") == 1
    outcome = "escalated" if escalated else "resolved" if resolved else "ended"
    yield event(f"conversation.{outcome}", "end", simulation["end_time"])


def _measure(detail: event_pb2.MessageDetail, message: dict[str, Any], at: datetime, before: datetime | None) -> None:
    detail.SetInParent()
    if before is not None:
        detail.response_time_ms = int((at - before).total_seconds() * 1000)
    usage = message.get("usage") or {}
    if "prompt_tokens" in usage:
        detail.prompt_tokens = usage["prompt_tokens"]
        detail.completion_tokens = usage["completion_tokens"]
    if message.get("cost") is not None:
        detail.cost_micros = round(message["cost"] * 10**6)
