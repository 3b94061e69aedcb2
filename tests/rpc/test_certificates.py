"""Certificates that are replaced while the server runs."""

import pathlib
import shutil

import grpc
import pytest
from structlog.testing import capture_logs

from server import errors
from server.app import Running
from server.settings import Settings
from tests.support import certificates, serving
from tests.support.certificates import Certificates, Pair
from tests.support.serving import Caller


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of which those before know nothing."""
    return certificates.make(tmp_path_factory.mktemp("others"))


class Place:
    """The files that a server reads."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.certificate, self.key, self.client_ca = (folder / name for name in ("server.pem", "server.key", "ca.pem"))

    def put(self, made: Certificates) -> None:
        """Replaces them, as tools that renew certificates do: each at once, one after the other."""
        for source, path in (
            (made.server.certificate, self.certificate),
            (made.server.key, self.key),
            (made.authority.certificate, self.client_ca),
        ):
            beside = path.with_suffix(".new")
            shutil.copyfile(source, beside)
            beside.replace(path)

    def settings(self, *, mutual: bool) -> dict[str, pathlib.Path]:
        """What names them."""
        names = {"tls_certificate": self.certificate, "tls_key": self.key}
        return {**names, "tls_client_ca": self.client_ca} if mutual else names


@pytest.fixture
def place(tmp_path: pathlib.Path, certificate: Certificates) -> Place:
    """Files that hold the certificates of the session."""
    made = Place(tmp_path)
    made.put(certificate)
    return made


def channel(server: Running, made: Certificates, client: Pair | None = None) -> grpc.aio.Channel:
    """A new connection of somebody who trusts an authority."""
    given = grpc.ssl_channel_credentials(
        root_certificates=made.authority.certificate.read_bytes(),
        private_key=client.key.read_bytes() if client else None,
        certificate_chain=client.certificate.read_bytes() if client else None,
    )
    target = f"localhost:{server.address.rpartition(':')[2]}"
    return grpc.aio.secure_channel(target, given, options=(("grpc.use_local_subchannel_pool", 1),))


async def tried(server: Running, caller: Caller, made: Certificates, client: Pair | None = None) -> str:
    """What comes of a call over a new connection."""
    async with channel(server, made, client) as new:
        try:
            await serving.through(caller, new).overview(serving.today())
        except grpc.aio.AioRpcError as error:
            return error.code().name
    return "OK"


async def test_new_connections_get_the_new_certificate_and_old_ones_go_on(
    settings: Settings, caller: Caller, certificate: Certificates, others: Certificates, place: Place
) -> None:
    async with (
        serving.running(settings, **place.settings(mutual=False)) as server,
        channel(server, certificate) as old,
    ):
        before = serving.through(caller, old)
        await before.track(serving.event())
        assert await tried(server, caller, others) == "UNAVAILABLE"
        place.put(others)
        assert await tried(server, caller, others) == "OK"
        assert await tried(server, caller, certificate) == "UNAVAILABLE"
        assert (await before.overview(serving.today())).overview.events == 1


async def test_the_authority_of_clients_is_read_again_too(
    settings: Settings, caller: Caller, certificate: Certificates, others: Certificates, place: Place
) -> None:
    async with serving.running(settings, **place.settings(mutual=True)) as server:
        assert await tried(server, caller, certificate, certificate.client) == "OK"
        place.put(others)
        assert await tried(server, caller, others, others.client) == "OK"
        for client in (None, certificate.client):
            assert await tried(server, caller, others, client) == "UNAVAILABLE"


def damaged(place: Place, others: Certificates) -> None:
    place.certificate.write_text("no certificate")


def of_another(place: Place, others: Certificates) -> None:
    shutil.copyfile(others.server.key, place.key)


def gone(place: Place, others: Certificates) -> None:
    place.key.unlink()


def no_authority(place: Place, others: Certificates) -> None:
    place.client_ca.write_text("")


@pytest.mark.parametrize("spoil", [damaged, of_another, gone, no_authority])
async def test_what_is_no_good_is_reported_once_and_what_was_before_stays(
    settings: Settings,
    caller: Caller,
    certificate: Certificates,
    others: Certificates,
    place: Place,
    spoil: object,
) -> None:
    async with serving.running(settings, **place.settings(mutual=True)) as server:
        spoil(place, others)  # type: ignore[operator]
        with capture_logs() as lines:
            for _ in range(3):
                assert await tried(server, caller, certificate, certificate.client) == "OK"
        (line,) = [one for one in lines if "certificates" in one["event"]]
        assert line["log_level"] == "error"
        place.put(others)
        assert await tried(server, caller, others, others.client) == "OK"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (damaged, "are not a certificate and its key as PEM"),
        (of_another, "KEY_VALUES_MISMATCH"),
        (gone, "TALLYWIRE_TLS_KEY=.* cannot be read"),
        (no_authority, "TALLYWIRE_TLS_CLIENT_CA=.* holds no certificate as PEM"),
    ],
)
@pytest.mark.usefixtures("database")
async def test_a_server_does_not_start_with_what_is_no_good(
    settings: Settings, others: Certificates, place: Place, spoil: object, says: str
) -> None:
    spoil(place, others)  # type: ignore[operator]
    with pytest.raises(errors.SetupError, match=says) as refusal:
        async with serving.running(settings, **place.settings(mutual=True)):
            pass
    assert "\n" not in str(refusal.value)
