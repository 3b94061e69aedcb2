"""Every failpoint is reached and ends its process; what was committed by then is there, and counted once."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server import errors, failpoints, kinds
from server.failpoints import Name
from server.store import tasks as stored_tasks
from server.store.isolation import EVERY
from server.store.tasks import NewTask
from tallywire import TallywireError, event
from tallywire.v1 import event_pb2, event_service_pb2
from tests.harness.faults import supervisor
from tests.harness.faults import world as worlds
from tests.harness.faults.clients import Tenant
from tests.harness.faults.history import History
from tests.harness.faults.processes import Nursery, Program
from tests.harness.faults.world import World

_SECONDS = 60.0
_OF_ERASURES = ("erasure_before_commit", "erasure_after_commit")
# See tests/delivery, tests/reports, tests/alerts and tests/tenancy.
_ELSEWHERE = ("delivery_", "report_", "alert_", "deletion_")
_OF_WORKERS = ("fold_before_commit", "task_after_work", *_OF_ERASURES)
_OF_CORRECTIONS = ("correction_before_commit", "correction_after_commit")
_OF_BOTH = ("projection_before_commit", "projection_after_commit")


async def _reach(world: World, program: Program, name: Name, tenant: Tenant) -> list[event_pb2.Event]:
    """Uses the service until the program has ended itself at a failpoint; returns what was sent to it."""
    sent: list[event_pb2.Event] = []
    before = len(program.lives)
    program.arm({name: 1})
    program.kill()
    async with asyncio.timeout(_SECONDS):
        while not any(life.failpoint() for life in program.lives[before:]):
            sent.append(event("message.sent", conversation_id="one"))
            with contextlib.suppress(TallywireError):
                await tenant.servers[0].client.track(sent[-1], timeout=1)
                if name in _OF_BOTH:  # a server follows where it is asked before a worker has
                    await tenant.servers[0].client.overview(*world.period, timeout=1)
                if name in _OF_CORRECTIONS:
                    await _correct(tenant, sent[-1])
                if name in _OF_ERASURES:  # of somebody else each time, since one may be done before it is reached
                    await tenant.servers[0].client.erase_user(f"{name}-{len(sent)}", timeout=1)
            if name == "task_after_work":
                await _queue_task(world)
            await asyncio.sleep(0.02)
    await program.disarm()
    assert {life.failpoint() for life in program.lives[before:]} - {None} == {name}
    return sent


async def _correct(tenant: Tenant, sent: event_pb2.Event) -> None:
    """Makes an event another one under its id."""
    other = event("message.sent", event_id=sent.event_id, conversation_id="one", channel="fax")
    await tenant.servers[0].client.corrections.correct([other], reason="late", timeout=5)


async def _queue_task(world: World) -> None:
    """Queues a task; the one that a killed worker was running waits for its lease."""
    kind = kinds.known()["update_retention"]
    async with world.database.transaction(of=EVERY) as driver:
        await stored_tasks.enqueue(driver, [NewTask(kind=kind.name, tries=kind.tries, priority=0)])


async def test_each_is_reached_and_nothing_is_lost_or_counted_twice(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    with worlds.data_folder(logs) as data:
        async with worlds.opened(1, data, logs, History()) as world:
            tenant = world.tenants[0]
            client = tenant.servers[1].client
            total = 0
            server, worker = world.cluster.servers[0], world.cluster.workers[0]
            ways = [
                (name, worker if name in _OF_WORKERS else server)
                for name in failpoints.NAMES
                if not name.startswith(_ELSEWHERE)
            ]
            for name, program in (*ways, *((name, worker) for name in _OF_BOTH)):
                sent = await _reach(world, program, name, tenant)
                results = [result.status for result in await client.track_batch(sent)]
                if name == "ingest_before_commit":
                    assert results[-1] == event_service_pb2.EVENT_STATUS_ACCEPTED
                else:  # what was sent last may have found no process any more
                    assert event_service_pb2.EVENT_STATUS_DUPLICATE in results, name
                total += len(sent)
            now = datetime.now(UTC)
            answer = await client.overview(now - timedelta(hours=1), now + timedelta(minutes=15))
            assert (answer.overview.events, answer.overview.total_conversations) == (total, 1)
            await asyncio.gather(*(program.stop() for program in world.cluster.programs))
            assert not list(supervisor.judge_lives(world.cluster.programs))


async def test_a_process_that_ends_at_once_has_a_log(tmp_path: Path) -> None:
    async with Nursery.opened() as nursery:
        _, ended = await nursery.start("whole", ["this"], {}, whole := tmp_path / "whole.log")
        assert await ended == 0
        assert "The Zen of Python" in whole.read_text()
        for number in range(50):
            pid, ended = await nursery.start(str(number), ["this"], {}, log := tmp_path / f"{number}.log")
            nursery.signal(pid, signal.SIGKILL)
            assert await ended in (-signal.SIGKILL, 0)
            assert whole.read_text().startswith(log.read_text()), "what was written until then, however little"


@pytest.mark.parametrize("first", ["armed", "disarmed"])
async def test_a_process_that_is_about_to_start_has_the_failpoints_of_now(tmp_path: Path, first: str) -> None:
    async with Nursery.opened() as nursery:
        arguments = ["http.server", "--bind", "127.0.0.1", "0"]
        program = Program("one", arguments, environment={}, nursery=nursery, logs=tmp_path)
        if first == "armed":
            program.arm({"fold_before_commit": 1})
        program.start()
        await asyncio.sleep(0)  # it is asked for and not there yet
        assert not program.is_up
        async with asyncio.timeout(20):
            if first == "armed":
                await program.disarm()
            else:
                program.arm({"fold_before_commit": 1})
                await program.ended()
        assert program.lives[0].killed
        program.kill()
        await program.stop()


def test_they_are_not_armed_without_permission() -> None:
    before = failpoints.reach
    failpoints.arm("fold_before_commit:1", allowed=False)
    failpoints.arm(None, allowed=True)
    assert failpoints.reach is before
    failpoints.reach("fold_before_commit")


@pytest.mark.parametrize("text", ["", "fold_before_commit", "fold_before_commit:2", "unknown:0.5", "a:1,", "a:nan"])
def test_a_wrong_failpoint_is_reported(text: str) -> None:
    with pytest.raises(errors.SetupError, match="name:probability"):
        failpoints.arm(text, allowed=True)


_CLOCK = """
import asyncio, grpc, server.clock, time
from datetime import UTC, datetime
from tests.harness.faults import nursery

async def remaining():
    async def echo(request, context):
        return str(context.time_remaining()).encode()

    grpc_server = grpc.aio.server()
    handlers = {"left": grpc.unary_unary_rpc_method_handler(echo)}
    grpc_server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("time", handlers),))
    address = f"127.0.0.1:{grpc_server.add_insecure_port('127.0.0.1:0')}"
    await grpc_server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        left = float(await channel.unary_unary("/time/left")(b"", timeout=1000))
    await grpc_server.stop(0)
    return left

before = time.time()
nursery.set_clock(-3600)
print(round(before - time.time()), round(before - server.clock.Clock().now().timestamp()))
print(isinstance(datetime.now(UTC), server.clock.datetime), round(before - datetime.now(UTC).timestamp()))
print(900 < asyncio.run(remaining()) < 1100)
"""


def test_a_process_can_be_given_a_wrong_clock() -> None:
    """Only the service's own view of it changes: its instants are still instants to it, and deadlines stay true."""
    reported = subprocess.run([sys.executable, "-c", _CLOCK], cwd=supervisor.ROOT, text=True, capture_output=True)
    assert reported.stdout.splitlines() == ["3600 3600", "True 0", "True"], reported.stderr
