"""Hashes that only this deployment can make: of API keys, tokens, e-mail addresses and events; and sealed tokens."""

import functools
import hashlib
import hmac
from collections.abc import Collection
from typing import Self

from server.events import addresses
from server.organizations.api_key import ApiKey
from server.organizations.operator_key import OperatorKey
from server.settings import Settings

_PROOF_BYTES = 16  # of tokens


class KeyedHashes:
    """The hashes that are keyed with the service's peppers, which live outside the database.

    The first pepper makes new hashes; hashes made with an accepted pepper are recognized. Pseudonyms of e-mail
    addresses and fingerprints of events have a key of their own, since they must stay the same when the pepper changes.
    """

    def __init__(self, pepper: str, *, accepted: Collection[str] = (), pseudonym_key: str | None = None) -> None:
        peppers = [one.encode() for one in (pepper, *accepted)]
        self._pepper = peppers[0]
        self._peppers = {_pepper_id(one): one for one in peppers}
        self._pseudonym_keys = peppers if pseudonym_key is None else [pseudonym_key.encode()]
        self._pseudonym_key = self._pseudonym_keys[0]
        self.pepper_id = _pepper_id(self._pepper)  # tells peppers apart, and nothing about them

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Returns the hashes of the peppers that the operator has set."""
        pseudonym_key = settings.pseudonym_key.get_secret_value() if settings.pseudonym_key else None
        return cls(settings.required("key_pepper"), accepted=settings.accepted_peppers, pseudonym_key=pseudonym_key)

    @property
    def pepper_ids(self) -> frozenset[str]:
        """Returns the ids of all peppers, the accepted ones among them."""
        return frozenset(self._peppers)

    def key_hash(self, secret: str) -> bytes:
        """Returns the hash of an API key, which is stored with the pepper's id."""
        return _key_hash(self._pepper, secret)

    def opens(self, secret: str, key: ApiKey | OperatorKey) -> bool:
        """Returns whether a secret is the secret of a key."""
        pepper = self._peppers.get(key.pepper_id)
        return pepper is not None and hmac.compare_digest(_key_hash(pepper, secret), key.secret_hmac)

    def token_hash(self, content: bytes) -> bytes:
        """Returns 16 bytes which prove that a token with this content was made here."""
        return _token_hash(self._pepper, content)

    def proves(self, proof: bytes, content: bytes) -> bool:
        """Returns whether the proof shows that a token with this content was made here."""
        return any(hmac.compare_digest(proof, _token_hash(pepper, content)) for pepper in self._peppers.values())

    def sealed(self, context: bytes, content: bytes) -> bytes:
        """Returns content as only this deployment can read it, and make it for a context: 16 bytes that prove this, and
        as many as the content has. Equal contents come out equal.
        """
        proof = _token_hash(self._pepper, context + content)
        return proof + _masked(self._pepper, proof, content)

    def opened(self, context: bytes, sealed: bytes) -> bytes | None:
        """Returns the content that was sealed for a context; None where nothing was."""
        proof, masked = sealed[:_PROOF_BYTES], sealed[_PROOF_BYTES:]
        for pepper in self._peppers.values():
            content = _masked(pepper, proof, masked)
            if hmac.compare_digest(proof, _token_hash(pepper, context + content)):
                return content
        return None

    @property
    def pseudonym_check(self) -> bytes:
        """Returns a value that is equal on two servers if they make the same pseudonyms."""
        return _pseudonym_check(self._pseudonym_key)

    def keep_pseudonyms(self, check: bytes) -> bool:
        """Goes on with the pseudonyms that have this check; returns False if none of the keys makes them."""
        for key in self._pseudonym_keys:
            if hmac.compare_digest(_pseudonym_check(key), check):
                self._pseudonym_key = key
                return True
        return False

    def content_key(self, organization_id: int) -> bytes:
        """Returns the key of the fingerprints of an organization's events; like pseudonyms it must stay the same."""
        return _content_key(self._pseudonym_key, organization_id)

    def stored_user(self, organization_id: int, user_id: str) -> str:
        """Returns the id under which events of a user are stored: an e-mail address's pseudonym, or else the id."""
        address = addresses.normal_form(user_id)
        return user_id if address is None else self.user_hash(organization_id, address)

    def user_hash(self, organization_id: int, user_id: str) -> str:
        """Returns the pseudonym that is stored in place of an e-mail address: one for each address and organization."""
        message = f"user:{organization_id}:{user_id.strip().casefold()}".encode()
        return "email-" + hmac.digest(self._pseudonym_key, message, "sha256").hex()[:32]

    def erased_user(self, organization_id: int, user_id: str) -> bytes:
        """Returns the digest by which an erased user of an organization is recognized; like pseudonyms it must stay
        the same.
        """
        state = _erased_users(self._pseudonym_key, organization_id).copy()
        state.update(user_id.encode())
        return state.digest()

    def told_id(self, organization_id: int, value: str) -> str:
        """Returns the digest as which the audit trail tells the id of a person, or of what may be named after one: of a
        person that by which erasures and exports recognize it, whatever form the id is given in.
        """
        return self.erased_user(organization_id, self.stored_user(organization_id, value)).hex()

    def kept(self, context: bytes, secret: bytes) -> bytes:
        """Returns a secret as it may be stored: only this deployment can read it. Like pseudonyms its key must stay the
        same.
        """
        proof = _token_hash(self._pseudonym_key, context + secret)
        return proof + _masked(self._pseudonym_key, proof, secret)

    def read_kept(self, context: bytes, kept: bytes) -> bytes | None:
        """Returns a secret that was stored for a context; None where this is none."""
        proof = kept[:_PROOF_BYTES]
        secret = _masked(self._pseudonym_key, proof, kept[_PROOF_BYTES:])
        return secret if hmac.compare_digest(proof, _token_hash(self._pseudonym_key, context + secret)) else None

    def address_digest(self, organization_id: int, address: str) -> bytes:
        """Returns the digest by which a mail address of an organization's recipients is recognized; like pseudonyms it
        must stay the same.
        """
        message = f"recipient:{organization_id}:{address.casefold()}".encode()
        return hmac.digest(self._pseudonym_key, message, "sha256")

    def receipt_signature(self, content: bytes) -> bytes:
        """Returns the proof that a receipt with this content was made here; like pseudonyms it must stay the same."""
        return hmac.digest(self._pseudonym_key, b"receipt:" + content, "sha256")


@functools.lru_cache(maxsize=1024)  # each call that sends events needs one: 1.6 µs
def _content_key(pseudonym_key: bytes, organization_id: int) -> bytes:
    return hmac.digest(pseudonym_key, f"content:{organization_id}".encode(), "sha256")


@functools.lru_cache(maxsize=1024)  # a copy takes a third of the time of another HMAC, and ingest may need many
def _erased_users(pseudonym_key: bytes, organization_id: int) -> "hashlib.blake2b":
    key = hmac.digest(pseudonym_key, f"erased:{organization_id}".encode(), "sha256")
    return hashlib.blake2b(digest_size=32, key=key)


def _pepper_id(pepper: bytes) -> str:
    return hmac.digest(pepper, b"pepper-id", "sha256").hex()[:8]


def _key_hash(pepper: bytes, secret: str) -> bytes:
    return hmac.digest(pepper, b"api-key:" + secret.encode(), "sha256")


def _token_hash(pepper: bytes, content: bytes) -> bytes:
    return hmac.digest(pepper, b"token:" + content, "sha256")[:_PROOF_BYTES]


def _masked(pepper: bytes, proof: bytes, content: bytes) -> bytes:
    """Returns content under a mask that follows from its proof, or what is under the mask."""
    blocks = (
        hmac.digest(pepper, b"mask:%b%d" % (proof, number), "sha256")
        for number in range(-(-len(content) // hashlib.sha256().digest_size))
    )
    mask = int.from_bytes(b"".join(blocks)[: len(content)])
    return (int.from_bytes(content) ^ mask).to_bytes(len(content))


def _pseudonym_check(key: bytes) -> bytes:
    return hmac.digest(key, b"pseudonym-check", "sha256")
