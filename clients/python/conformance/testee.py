"""The testee of the Python client: see clients/conformance/TESTEE.md.

AsyncClient makes its calls, or, with the argument --threads, Client.
"""

import asyncio
import contextlib
import dataclasses
import importlib
import json
import pkgutil
import queue
import sys
import time
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any

import grpc.aio
import threaded
from google.protobuf import json_format, message_factory
from replies import Reply, Unsupported, connection_options, error_of, refused, to_json

import tallywire
import tallywire.v1
from tallywire import errors, retries, version
from tallywire.v1 import event_pb2

_METHODS = {
    f"{service.full_name}/{method.name}": method
    for module in pkgutil.iter_modules(tallywire.v1.__path__)
    if module.name.endswith("_pb2")
    for service in importlib.import_module(f"tallywire.v1.{module.name}").DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


@dataclasses.dataclass
class Stream:
    """A subscription, and the step that waits for its next message: one that was given up goes on waiting."""

    subscription: Any
    step: "asyncio.Task[Any] | None" = None


class Source:
    """Batches that the driver gives one by one, for either kind of client."""

    def __init__(self) -> None:
        self._batches: queue.SimpleQueue[list[event_pb2.Event] | None] = queue.SimpleQueue()

    def put(self, batch: list[event_pb2.Event] | None) -> None:
        """Adds a batch; None is the end."""
        self._batches.put(batch)

    def __iter__(self) -> Iterator[list[event_pb2.Event]]:
        """Yields batches. The client that blocks takes them until its window is full: it cannot wait for the driver."""
        while True:
            try:
                batch = self._batches.get_nowait()
            except queue.Empty:
                raise Unsupported("Client takes batches in the thread that waits for acknowledgements") from None
            if batch is None:
                return
            yield batch

    async def as_they_come(self) -> AsyncIterator[list[event_pb2.Event]]:
        """Yields batches as an asynchronous iterator."""
        while True:
            try:
                batch = self._batches.get_nowait()
            except queue.Empty:
                await asyncio.sleep(0.005)
                continue
            if batch is None:
                return
            yield batch


class EventStream:
    """A stream of events with the methods of a subscription."""

    def __init__(self, source: Source, acks: AsyncGenerator[Any, None]) -> None:
        self.source = source
        self._acks = acks

    async def __anext__(self) -> Any:
        """Returns the next acknowledgement."""
        return await anext(self._acks)

    async def close(self) -> None:
        """Ends the stream."""
        self.source.put(None)
        await self._acks.aclose()


class AsyncioClient(tallywire.AsyncClient):
    """An AsyncClient with a way to call every RPC by its path, with the retries that its own methods have."""

    can_cancel = True

    async def unary(self, path: str, codecs: Reply, request: Any, policy: retries.Policy, timeout: Any) -> Any:
        """Returns the answer of an RPC."""
        method: Any = self._bound().channel.unary_unary(path, **codecs)
        return await self._call(method, lambda: request, policy, timeout)

    def events(self, source: Source, **options: Any) -> EventStream:
        """Opens a stream of events."""
        return EventStream(source, self.stream(source.as_they_come(), **options))

    async def responses(self, path: str, codecs: Reply, request: Any, timeout: Any) -> list[Any]:
        """Returns all responses of an RPC that streams them."""
        method: Any = self._bound().channel.unary_stream(path, **codecs)
        try:
            return [one async for one in method(request, timeout=timeout, metadata=self._connection.metadata)]
        except grpc.aio.AioRpcError as failure:
            raise errors.from_rpc(failure) from failure


class Testee:
    """What the driver has opened, and its commands by name."""

    def __init__(self, client_class: type[AsyncioClient] | type[threaded.ThreadedClient]) -> None:
        self.client_class = client_class
        self.clients: dict[str, Any] = {}
        self.trackers: dict[str, tallywire.Tracker] = {}
        self.streams: dict[str, Stream] = {}
        self.running: dict[int, asyncio.Task[None]] = {}

    async def info(self, _: Reply) -> Reply:
        return {
            "language": "python",
            "version": version.VERSION,
            "user_agent": f"tallywire-python/{version.VERSION}",
        }

    async def open(self, command: Reply) -> Reply:
        self.clients[command["client"]] = self.client_class(**connection_options(command))
        return {}

    async def close(self, command: Reply) -> Reply:
        await self.clients[command["client"]].close()
        return {}

    async def describe(self, command: Reply) -> Reply:
        return {"text": repr(self.clients[command["client"]])}

    async def call(self, command: Reply) -> Reply:
        client, method = self.clients[command["client"]], _METHODS[command["method"]]
        request = message_factory.GetMessageClass(method.input_type)()
        json_format.ParseDict(command["request"], request)
        timeout = command["timeout_ms"] / 1000 if "timeout_ms" in command else None
        codecs = {
            "request_serializer": type(request).SerializeToString,
            "response_deserializer": message_factory.GetMessageClass(method.output_type).FromString,
        }
        path = f"/{command['method']}"
        if method.server_streaming:
            return {"responses": list(map(to_json, await client.responses(path, codecs, request, timeout)))}
        policy = retries.of_method(method.name)
        return {"response": to_json(await client.unary(path, codecs, request, policy, timeout))}

    async def pages(self, command: Reply) -> Reply:
        client, request = self.clients[command["client"]], command["request"]
        period = request.get("time_range", {})
        between = [datetime.fromisoformat(period[name]) for name in ("start", "end") if name in period]
        size = {"page_size": request["page_size"]} if "page_size" in request else {}
        match command["method"].rpartition("/")[2]:
            case "ListAgents":
                rows = client.list_agents(*between, **size)
            case "ListConversations":
                rows = client.list_conversations(*between, **size)
            case "ListUsers":
                rows = client.list_users(*between, **size)
            case "ListLeads":
                rows = client.list_leads(*between, **size)
            case "ListEvents":
                rows = client.list_events(*between, **size)
            case name:
                raise Unsupported(f"no iterator over {name}")
        return {"rows": [to_json(row) async for row in rows]}

    async def build(self, command: Reply) -> Reply:
        fields = dict(command["fields"])
        for name in ("occurred_at",):
            if name in fields:
                fields[name] = datetime.fromisoformat(fields[name])
        return {
            "event": to_json(
                tallywire.event(command["event_type"], properties=command.get("properties"), **fields),
            )
        }

    async def track(self, command: Reply) -> Reply:
        client = self.clients[command["client"]]
        events = [json_format.ParseDict(one, event_pb2.Event()) for one in command["events"]]
        timeout = command["timeout_ms"] / 1000 if "timeout_ms" in command else None
        if command.get("single"):
            results = [await client.track(events[0], timeout=timeout)]
        else:
            results = await client.track_batch(events, timeout=timeout)
        return {"results": list(map(to_json, results))}

    async def cancel(self, command: Reply) -> Reply:
        if not self.client_class.can_cancel:
            raise Unsupported("a call that blocks a thread cannot be cancelled")
        self.running[command["of"]].cancel()
        return {}

    async def tracker_open(self, command: Reply) -> Reply:
        options = connection_options(command)
        options |= {name: command[name] for name in ("max_events", "max_bytes", "batch_size") if name in command}
        for name in ("flush_interval", "retry_for"):
            if f"{name}_ms" in command:
                options[name] = command[f"{name}_ms"] / 1000
        self.trackers[command["tracker"]] = tallywire.Tracker(**options)
        return {}

    async def tracker_track(self, command: Reply) -> Reply:
        tracker = self.trackers[command["tracker"]]
        return {"taken": [tracker.track(json_format.ParseDict(one, event_pb2.Event())) for one in command["events"]]}

    async def tracker_flush(self, command: Reply) -> Reply:
        tracker = self.trackers[command["tracker"]]
        return {"settled": await asyncio.to_thread(tracker.flush, command["timeout_ms"] / 1000)}

    async def tracker_close(self, command: Reply) -> Reply:
        tracker = self.trackers[command["tracker"]]
        return {"settled": await asyncio.to_thread(tracker.close, command["timeout_ms"] / 1000)}

    async def tracker_stats(self, command: Reply) -> Reply:
        return dataclasses.asdict(self.trackers[command["tracker"]].stats())

    async def stream_open(self, command: Reply) -> Reply:
        client = self.clients[command["client"]]
        if command["kind"] == "events":
            taken = {"max_unacked": command["max_unacked"]} if "max_unacked" in command else {}
            if "retry_for_ms" in command:
                taken["retry_for"] = command["retry_for_ms"] / 1000
            self.streams[command["stream"]] = Stream(client.events(Source(), **taken))
            return {}
        request = command["request"]
        narrowed = request.get("filter", {})
        options: dict[str, Any] = {name: narrowed[name] for name in ("agent_ids", "channel") if name in narrowed}
        subscription: Any
        if command["kind"] == "watch":
            interval = float(request.get("min_interval", "1s").removesuffix("s"))
            subscription = client.watch(min_interval=interval, heartbeats=command.get("heartbeats", False), **options)
        else:
            subscription = client.updates(
                resume_after=request.get("resume_after", ""),
                include_events=request.get("include_events", False),
                bookmarks=command.get("bookmarks", False),
                **options,
            )
        if "silence_ms" in command:
            subscription.silence = command["silence_ms"] / 1000
        self.streams[command["stream"]] = Stream(subscription)
        return {}

    async def stream_send(self, command: Reply) -> Reply:
        batch = [json_format.ParseDict(one, event_pb2.Event()) for one in command["events"]]
        self.streams[command["stream"]].subscription.source.put(batch)
        return {}

    async def stream_end(self, command: Reply) -> Reply:
        self.streams[command["stream"]].subscription.source.put(None)
        return {}

    async def stream_next(self, command: Reply) -> Reply:
        stream = self.streams[command["stream"]]
        stream.step = stream.step or asyncio.ensure_future(anext(stream.subscription))
        done, _ = await asyncio.wait((stream.step,), timeout=command["timeout_ms"] / 1000)
        if not done:
            return {"timeout": True}
        step, stream.step = stream.step, None
        try:
            return {"update": to_json(step.result())}
        except StopAsyncIteration:
            return {"end": True}

    async def stream_close(self, command: Reply) -> Reply:
        stream = self.streams.pop(command["stream"])
        if isinstance(stream.subscription, EventStream | threaded.ThreadedEventStream) and stream.step is not None:
            # A generator that is waiting cannot be closed: whoever leaves its loop has cancelled its step.
            if not self.client_class.can_cancel:
                raise Unsupported("a loop that blocks a thread cannot be left")
            stream.step.cancel()
            await asyncio.wait((stream.step,))
        await stream.subscription.close()
        if stream.step is not None:
            stream.step.cancel()
            await asyncio.wait((stream.step,))
        return {}

    async def load(self, command: Reply) -> Reply:
        client, batch = self.clients[command["client"]], command["batch"]
        end, done = time.monotonic() + command["seconds"], {"calls": 0, "events": 0, "failed": 0}

        async def send() -> None:
            while time.monotonic() < end:
                try:
                    if batch == 1:
                        await client.track(tallywire.event("message.sent", agent_id="load"))
                    else:
                        await client.track_batch(
                            [tallywire.event("message.sent", agent_id="load") for _ in range(batch)]
                        )
                except errors.TallywireError:
                    done["failed"] += 1
                done["calls"] += 1
                done["events"] += batch

        await asyncio.gather(*[send() for _ in range(command["under_way"])])
        return done

    async def answer(self, command: Reply) -> None:
        """Does a command and writes its reply."""
        reply: Reply
        try:
            does: Callable[[Reply], Awaitable[Reply]] | None = getattr(self, command["do"], None)
            reply = {"unsupported": f"no command {command['do']}"} if does is None else {"ok": await does(command)}
        except errors.TallywireError as error:
            reply = {"error": error_of(error)}
        except asyncio.CancelledError:
            reply = {"error": error_of(errors.closed("the command"))}
        except Unsupported as why:
            reply = {"unsupported": str(why)}
        except json_format.ParseError as wrong:
            reply = {"fault": f"no such message: {wrong}"}
        except (TypeError, ValueError) as error:
            reply = {"error": refused(str(error), str(getattr(error, "field", "")))}
        except Exception:  # noqa: BLE001 - the driver shows it
            reply = {"fault": traceback.format_exc()}
        finally:
            self.running.pop(command["id"], None)
        sys.stdout.write(json.dumps({"id": command["id"], **reply}) + "\n")
        sys.stdout.flush()

    async def run(self) -> None:
        """Answers commands until the end of stdin, then closes what is open."""
        reader = asyncio.StreamReader(limit=1 << 28)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        async for line in reader:
            command = json.loads(line)
            self.running[command["id"]] = asyncio.create_task(self.answer(command))
        for task in list(self.running.values()):
            task.cancel()
        for stream in self.streams.values():
            await stream.subscription.close()
        for client in self.clients.values():
            await client.close()
        for tracker in self.trackers.values():
            await asyncio.to_thread(tracker.close, 0)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(Testee(threaded.ThreadedClient if sys.argv[1:] == ["--threads"] else AsyncioClient).run())
