"""Certificates for tests, made by the openssl program."""

import pathlib
import subprocess
from dataclasses import dataclass

_EXTENSIONS = """\
[server]
subjectAltName = DNS:localhost, IP:127.0.0.1
extendedKeyUsage = serverAuth
[client]
extendedKeyUsage = clientAuth
[program]
subjectAltName = URI:spiffe://example.org/collector, DNS:client
extendedKeyUsage = clientAuth
[two]
subjectAltName = URI:spiffe://example.org/collector, URI:spiffe://example.org/other
extendedKeyUsage = clientAuth
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A certificate and its key."""

    certificate: pathlib.Path
    key: pathlib.Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """An authority, a server and clients that it vouches for, and a client and a server, the impostor, that another one
    vouches for. program has a SPIFFE id, and two has two of them.
    """

    authority: Pair
    server: Pair
    client: Pair
    nobody: Pair
    program: Pair
    two: Pair
    stranger: Pair
    impostor: Pair


def make(folder: pathlib.Path) -> Certificates:
    """Makes certificates of a day."""
    extensions = folder / "extensions.cnf"
    extensions.write_text(_EXTENSIONS)
    authority, foreign = _authority(folder, "authority"), _authority(folder, "foreign")
    return Certificates(
        authority=authority,
        server=_signed(folder, "server", "server", authority, extensions),
        client=_signed(folder, "client", "client", authority, extensions),
        nobody=_signed(folder, "nobody", "client", authority, extensions),
        program=_signed(folder, "program", "program", authority, extensions),
        two=_signed(folder, "two", "two", authority, extensions),
        stranger=_signed(folder, "stranger", "client", foreign, extensions),
        impostor=_signed(folder, "impostor", "server", foreign, extensions),
    )


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def _pair(folder: pathlib.Path, name: str) -> Pair:
    pair = Pair(certificate=folder / f"{name}.pem", key=folder / f"{name}.key")
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", pair.key)
    return pair


def _authority(folder: pathlib.Path, name: str) -> Pair:
    pair = _pair(folder, name)
    _openssl("req", "-x509", "-new", "-key", pair.key, "-days", 1, "-subj", f"/CN={name}", "-out", pair.certificate)
    return pair


def _signed(folder: pathlib.Path, name: str, use: str, by: Pair, extensions: pathlib.Path) -> Pair:
    pair, request = _pair(folder, name), folder / f"{name}.csr"
    _openssl("req", "-new", "-key", pair.key, "-subj", f"/CN={name}", "-out", request)
    signing = ("-CA", by.certificate, "-CAkey", by.key, "-CAcreateserial", "-days", 1)
    named = ("-extfile", extensions, "-extensions", use)
    _openssl("x509", "-req", "-in", request, *signing, *named, "-out", pair.certificate)
    return pair
