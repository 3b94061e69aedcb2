"""Addresses, keys, certificates, and the service config."""

import json

import grpc
import pytest
import scripted

import tallywire
from tallywire import connection
from tallywire.v1 import (
    account_service_pb2,
    admin_service_pb2,
    audit_service_pb2,
    campaign_service_pb2,
    custom_metric_service_pb2,
    dashboard_service_pb2,
    delivery_service_pb2,
    directory_service_pb2,
    event_service_pb2,
    export_service_pb2,
    funnel_service_pb2,
    leaderboard_service_pb2,
    metrics_service_pb2,
    privacy_service_pb2,
    realtime_service_pb2,
    report_service_pb2,
)

LOCAL = [
    "127.0.0.1:1",
    "127.8.9.1:1",
    "localhost:1",
    "LOCALHOST:1",
    "[::1]:1",
    "::1",
    "unix:/run/x",
    "unix:///run/x",
    "dns:///localhost:1",
    "ipv4:127.0.0.1:1,127.0.0.2:1",
    "ipv6:[::1]:1",
    "127.0.0.1:1,localhost:2",
    "[::1]:1,[::1]:2",
    "localhost",
]
REMOTE = [
    "example.com:443",
    "10.0.0.1:1",
    "0.0.0.0:1",
    "dns:///example.com:1",
    "dns://8.8.8.8/localhost:1",
    "ipv4:127.0.0.1:1,10.0.0.1:1",
    "[2001:db8::1]:1",
    "127.0.0.1:1, 10.0.0.1:1",
    "127.0.0.1.example.com:1",
    "localhost.example.com:1",
]


@pytest.mark.parametrize("target", LOCAL)
def test_loopback_is_plaintext(target: str) -> None:
    assert connection.connection(target, api_key="k").tls is None


@pytest.mark.parametrize("target", REMOTE)
def test_everything_else_is_tls_unless_asked(target: str) -> None:
    assert connection.connection(target, api_key="k").tls is not None
    assert connection.connection(target, api_key="k", insecure=True).tls is None


@pytest.mark.parametrize("key", ["", "a b", "a\n", "ä"])
def test_malformed_keys_are_refused_without_being_reported(key: str) -> None:
    with pytest.raises(ValueError, match="api_key") as caught:
        connection.connection("localhost:1", api_key=key)
    assert not key or key not in str(caught.value)


def test_contradictions_are_refused() -> None:
    with pytest.raises(ValueError, match="go together"):
        connection.connection("a:1", api_key="k", certificate_chain=b"x")
    with pytest.raises(ValueError, match="contradicts"):
        connection.connection("a:1", api_key="k", root_certificates=b"x", insecure=True)
    with pytest.raises(ValueError, match="connections is at least 1, not 0"):
        connection.connection("a:1", api_key="k", connections=0)
    with pytest.raises(ValueError, match="host:port"):
        connection.connection("", api_key="k")


@pytest.mark.parametrize(
    "target", ["a:1,b:1", "127.0.0.1:1,b:1", "127.0.0.1:1,[::1]:1", "127.0.0.1,127.0.0.2", "::1,::2"]
)
def test_a_list_that_grpc_could_not_read_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="IP addresses of one kind, each with its port"):
        connection.connection(target, api_key="k")


def test_the_key_is_in_no_repr() -> None:
    made = connection.connection("localhost:1", api_key="s3cret")
    with tallywire.Client("localhost:1", api_key="s3cret") as client:
        tracker = tallywire.Tracker("localhost:1", api_key="s3cret")
        aclient = tallywire.AsyncClient("localhost:1", api_key="s3cret")
        shown = [repr(made), repr(client), repr(aclient), repr(tracker)]
    assert all("s3cret" not in text and "localhost:1" in text for text in shown)


def test_the_service_config_names_methods_that_exist_and_retries_what_passes() -> None:
    config = json.loads(connection.service_config())
    services = {
        service.full_name: {method.name for method in service.methods}
        for file in (
            account_service_pb2,
            admin_service_pb2,
            audit_service_pb2,
            campaign_service_pb2,
            custom_metric_service_pb2,
            dashboard_service_pb2,
            delivery_service_pb2,
            export_service_pb2,
            directory_service_pb2,
            funnel_service_pb2,
            event_service_pb2,
            leaderboard_service_pb2,
            metrics_service_pb2,
            privacy_service_pb2,
            realtime_service_pb2,
            report_service_pb2,
        )
        for service in file.DESCRIPTOR.services_by_name.values()
    }
    named = set()
    for entry in config["methodConfig"]:
        for name in entry["name"]:
            methods = {name["method"]} if "method" in name else services[name["service"]]
            assert methods <= services[name["service"]]
            named |= {(name["service"], method) for method in methods}
        if "retryPolicy" in entry:
            # A server that begins to drain cancels the calls that reach it in that moment, before it has read them.
            assert "CANCELLED" in entry["retryPolicy"]["retryableStatusCodes"]
            assert set(entry["retryPolicy"]["retryableStatusCodes"]) <= {"CANCELLED", "UNAVAILABLE"}
    assert named == {(service, method) for service, methods in services.items() for method in methods}


def test_grpc_takes_the_service_config(nobody: str) -> None:
    # A config that gRPC cannot read would fail every call with its own complaint.
    with tallywire.Client(nobody, api_key="k") as client, pytest.raises(tallywire.Unavailable) as caught:
        client.metrics(timeout=5)
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    assert "service config" not in caught.value.message.lower()


async def test_several_connections_are_one_client(running: scripted.Running, script: scripted.Script) -> None:
    with tallywire.Client(running.address, api_key="k", connections=3) as client:
        client.connect()
        for _ in range(4):
            client.track(tallywire.event("a.b"))
        assert len(list(client.stream([[tallywire.event("a.b")]]))) == 1
    with pytest.raises(tallywire.Cancelled):
        client.track(tallywire.event("a.b"))
    async with tallywire.AsyncClient(running.address, api_key="k", connections=3) as asynchronous:
        await asynchronous.connect()
        for _ in range(4):
            await asynchronous.track(tallywire.event("a.b"))
    assert len(script.requests) == 8
    assert len({metadata["user-agent"] for metadata in script.metadata}) == 2
