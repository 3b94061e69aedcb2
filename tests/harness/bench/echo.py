"""python -m tests.harness.bench.echo: an empty grpc.aio server that echoes requests until its input ends.

It prints its address. It neither parses nor checks anything: no server that does can be faster in this language.
"""

import asyncio
import sys

import grpc

from tests.harness.bench.processes import loop_factory

SERVICE, METHOD = "echo", "Echo"


async def _echo(request: bytes, _: object) -> bytes:
    return request


async def _serve() -> None:
    handler = grpc.unary_unary_rpc_method_handler(_echo)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"127.0.0.1:{port}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop(None)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve())
