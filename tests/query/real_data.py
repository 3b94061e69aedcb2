"""Published records of real services as events; their bytes lie beside the repository and are not part of it."""

import csv
import gzip
import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tallywire.v1 import event_pb2

DATA = Path(__file__).parents[3] / "shared" / "data"
AZURE, RAGPULSE, LLMPERF, ELASTIC = (
    DATA / name for name in ("azure_llm_2023", "ragpulse", "llmperf_leaderboard", "elastic_logs")
)
LLMPERF_AT = datetime(2024, 1, 2, 12, tzinfo=UTC)  # the calls have no times of their own
_RAGPULSE_BEGAN = datetime(2025, 9, 10, 4, tzinfo=UTC)
_LINE = re.compile(r'(\S+) \S+ \S+ \[([^\]]+)\] "(\S+) (\S+)[^"]*" (\d+) (\d+|-)')


def answers(folder: Path, name: str = "answers.json") -> Any:
    """What was worked out of a folder's records without this project."""
    return json.loads((folder / name).read_text(encoding="utf-8"))


def _event(event_type: str, event_id: str, at: datetime, **fields: Any) -> event_pb2.Event:
    event = event_pb2.Event(event_type=event_type, event_id=event_id, **fields)
    event.occurred_at.FromDatetime(at)
    return event


def azure() -> Iterator[event_pb2.Event]:
    """Each request is a message that was sent, with its tokens."""
    with gzip.open(next(AZURE.glob("*.csv.gz")), "rt", encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            at = datetime.fromisoformat(row["TIMESTAMP"][:26]).replace(tzinfo=UTC)
            message = event_pb2.MessageDetail(
                prompt_tokens=int(row["ContextTokens"]), completion_tokens=int(row["GeneratedTokens"])
            )
            yield _event("message.sent", f"azure:{number}", at, message=message)


def ragpulse() -> Iterator[event_pb2.Event]:
    """Each request is a message that was sent in the conversation of its session, as published: in one week."""
    with gzip.open(RAGPULSE / "0_trace.jsonl.gz", "rt", encoding="utf-8") as file:
        for number, line in enumerate(filter(str.strip, file)):
            row = json.loads(line)
            message = event_pb2.MessageDetail(prompt_tokens=row["input_length"], completion_tokens=row["output_length"])
            at = _RAGPULSE_BEGAN + timedelta(seconds=int(row["timestamp"]))
            session = row["session_id"]
            yield _event("message.sent", f"rag:{number}", at, conversation_id=session, message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """A request for which the service found no passages: in which of the two weeks of the log, how many seconds after
    that began, in which session, and with which question, of which only a number is published.
    """

    week: int
    second: int
    session: str
    question: int

    def event(self, number: int, at: datetime) -> event_pb2.Event:
        """The content gap that it was, at a time."""
        gap = event_pb2.ContentGapDetail(topic=f"question {self.question}", question=f"What is {self.question}?")
        return _event("content_gap.found", f"gap:{number}", at, conversation_id=self.session, content_gap=gap)


def unanswered() -> Iterator[Unanswered]:
    """The requests without passages; rows from 3800 on are of the second week."""
    with gzip.open(RAGPULSE / "0_trace.jsonl.gz", "rt", encoding="utf-8") as file:
        for number, line in enumerate(filter(str.strip, file)):
            row = json.loads(line)
            about = row["hash_ids"]
            if not about["passages_ids"]:
                yield Unanswered(
                    week=int(number >= 3_800),
                    second=int(row["timestamp"]),
                    session=row["session_id"],
                    question=about["user_input"][0],
                )


def llmperf() -> tuple[list[event_pb2.Event], Mapping[str, Mapping[str, Any]]]:
    """Each call that was measured is a call of its provider's endpoint, and the published summary of each endpoint."""
    events, published = list[event_pb2.Event](), dict[str, Mapping[str, Any]]()
    with tarfile.open(LLMPERF / "raw_data.tar.gz") as archive:
        for member in archive:
            folder, _, name = member.name.removeprefix("./").rpartition("/")
            file = archive.extractfile(member)
            if file is None or not name.endswith(".json"):
                continue
            content = json.load(io.TextIOWrapper(file, encoding="utf-8"))
            endpoint = name.removesuffix(".json")
            if folder.endswith("summary"):
                published[endpoint] = content
                continue
            for number, call in enumerate(content):
                api = event_pb2.ApiDetail(endpoint=endpoint, status_code=500 if call["error_code"] else 200)
                if not call["error_code"]:
                    api.latency_ms = round(call["end_to_end_latency_s"] * 1000)
                at = LLMPERF_AT + timedelta(seconds=len(events))
                events.append(_event("api.called", f"llmperf:{endpoint}:{number}", at, api=api))
    return events, published


def apache() -> Iterator[event_pb2.Event]:
    """Each line of the access log is a call of the path, by the user of its address."""
    with gzip.open(ELASTIC / "apache_logs.gz", "rt", encoding="utf-8") as file:
        for number, line in enumerate(file):
            found = _LINE.match(line)
            assert found is not None, line
            address, at, method, path, status, size = found.groups()
            api = event_pb2.ApiDetail(endpoint=path[:256], method=method, status_code=int(status))
            if size != "-":
                api.response_bytes = int(size)
            yield _event(
                "api.called",
                f"apache:{number}",
                datetime.strptime(at, "%d/%b/%Y:%H:%M:%S %z").astimezone(UTC),
                user_id=address,
                api=api,
            )
