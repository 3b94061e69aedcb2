"""Programs that show a client certificate, and no key."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc

from tests.support.certificates import Certificates, Pair
from tests.support.serving import Caller


class WithoutKey(Caller):
    """An organization whose calls show a certificate and nothing else."""

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """No credential."""
        return ()


def tls(made: Certificates) -> dict[str, Any]:
    """The settings of a server that asks for certificates of the authority."""
    return {
        "tls_certificate": made.server.certificate,
        "tls_key": made.server.key,
        "tls_client_ca": made.authority.certificate,
    }


@contextlib.asynccontextmanager
async def shown(address: str, made: Certificates, pair: Pair, one: Caller) -> AsyncIterator[Caller]:
    """An organization, on a connection with a certificate."""
    files = (made.authority.certificate, pair.key, pair.certificate)
    credentials = grpc.ssl_channel_credentials(*(each.read_bytes() for each in files))
    options = (("grpc.use_local_subchannel_pool", 1),)
    async with grpc.aio.secure_channel(address, credentials, options) as channel:
        yield WithoutKey(organization_id=one.organization_id, name=one.name, key=one.key, channel=channel)
