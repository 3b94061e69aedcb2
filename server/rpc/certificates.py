"""The server's certificate, its key and the authority of its clients: read again when their files change."""

import ssl
import threading
from dataclasses import dataclass
from pathlib import Path

import grpc
import structlog

from server import errors
from server.settings import Settings

_log = structlog.get_logger(__name__)
_Signature = tuple[tuple[int, int, int, int], ...]


def credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """Returns the credentials of a TLS port; None without TLS. Raises SetupError if the files cannot be used.

    Each new connection gets the current contents of the files. Open connections keep theirs.
    """
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    files = _Files(certificate=settings.tls_certificate, key=settings.tls_key, client_ca=settings.tls_client_ca)
    current = _Current(files)
    return grpc.dynamic_ssl_server_credentials(
        current.first,
        current.changed,  # type: ignore[arg-type]  # None is what gRPC documents for "unchanged"
        require_client_authentication=files.client_ca is not None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """The paths of the certificate, its key and the authority of clients."""

    certificate: Path
    key: Path
    client_ca: Path | None

    @property
    def signature(self) -> _Signature:
        """Returns a value that changes whenever a file is rewritten, replaced, or a link to another file."""
        return tuple(
            (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            for found in (path.stat() for path in (self.certificate, self.key, self.client_ca) if path is not None)
        )

    def read(self) -> grpc.ServerCertificateConfiguration:
        """Returns the contents of the files. Raises SetupError if one cannot be read or they do not belong together."""
        key = _read("TALLYWIRE_TLS_KEY", self.key)
        certificate = _read("TALLYWIRE_TLS_CERTIFICATE", self.certificate)
        authority = _read("TALLYWIRE_TLS_CLIENT_CA", self.client_ca) if self.client_ca is not None else None
        # gRPC would find faults with the first connection, and says too little of them.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.certificate, self.key, password="")  # or it would ask the terminal for one
        except (OSError, ValueError) as error:
            raise errors.SetupError(
                f"TALLYWIRE_TLS_CERTIFICATE={self.certificate} and TALLYWIRE_TLS_KEY={self.key} are not a"
                f" certificate and its key as PEM: {_reason(error)}"
            ) from error
        if authority is not None:
            try:
                context.load_verify_locations(cadata=authority.decode("ascii", "replace"))
            except (OSError, ValueError) as error:
                raise errors.SetupError(
                    f"TALLYWIRE_TLS_CLIENT_CA={self.client_ca} holds no certificate as PEM: {_reason(error)}"
                ) from error
        return grpc.ssl_server_certificate_configuration([(key, certificate)], authority)


class _Current:
    """The last usable contents of the files. gRPC asks for them with every new connection, from threads of its own."""

    def __init__(self, files: _Files) -> None:
        self._files = files
        self._lock = threading.Lock()
        self.first = files.read()
        self._seen: _Signature | None = files.signature

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Returns the new contents of the files; None if they are unchanged, or unusable, and the last ones stay in
        use.
        """
        with self._lock:
            try:
                signature = self._files.signature
                if signature == self._seen:
                    return None
                self._seen = signature
                config = self._files.read()
            except (OSError, errors.SetupError) as error:
                self._refuse(error)
                return None
        _log.info("certificates were read again", certificate=str(self._files.certificate))
        return config

    def _refuse(self, error: Exception) -> None:
        """Logs, once for each change, that the files are missing or unusable and the last ones stay in use."""
        if isinstance(error, OSError):
            if self._seen is None:
                return
            self._seen = None
        _log.error("the new certificates are not used, those before are", reason=str(error))


def _read(variable: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise errors.SetupError(f"{variable}={path} cannot be read: {error.strerror}") from error


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, ssl.SSLError) and error.reason else str(error)
