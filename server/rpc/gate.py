"""The outermost interceptor: it admits calls with a valid key only, parses no request before its call is admitted, and
lets no error out but as a status of the contract.
"""

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import grpc

from server import tracing
from server.admission import request_limits
from server.admission.admission import Admission
from server.errors import Reason, Refused
from server.organizations.audit_trail import Actor
from server.rpc import answering, callers, embedding, keyless, noting, requests, restricting, unknown_fields
from server.rpc.noting import Noting
from server.slow_questions import SlowQuestions
from server.tenancy import sign_ins
from server.tenancy.authentication import Authenticator
from server.tenancy.certificates import Certificates, ShownCertificate
from server.tenancy.principal import CallerKind, Principal, Scope

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

# For so long a stream that cannot be let in is not read, which slows its sender down; then it is refused.
_STREAM_PATIENCE = 5.0
_STREAM_LOOKS_EVERY = 0.1
_FOR_OPERATORS = "/tallywire.v1.AdminService/"
_MOST_SIGNING_IN = 1_000  # calls without a key that exchange one, of at most 4 KiB each


@dataclass(frozen=True, slots=True)
class _Raw:
    """The bytes of a request. gRPC deserializes before it calls the handler, and these are parsed once the call is
    admitted.
    """

    data: bytes
    parser: Callable[[bytes], Any]

    def parse(self) -> Any:
        """Returns the message, or a batch with events that are not parsed yet; refuses too large or malformed ones."""
        return self.parser(self.data)


class _Credential(NamedTuple):
    """The credential of a call. Thousands of calls last, so it holds no more than it needs."""

    gate: "Gate"
    method: str
    text: str

    async def authenticate(self) -> Principal:
        """Returns whose credential this is now."""
        return await self.gate.confirm(self, caller().principal)


class _Shown(NamedTuple):
    """The certificate of a call that has no other credential."""

    gate: "Gate"
    certificates: Certificates
    method: str
    certificate: ShownCertificate

    async def authenticate(self) -> Principal:
        """Returns whom the certificate stands for now."""
        last = caller().principal
        principal = await self.certificates.confirm(self.certificate, last)
        self.gate.check_going_on(self.method, last, principal)
        return principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The maker of the current call."""

    principal: Principal
    # Checks the key again, for calls that last. It holds the key, which must never be printed.
    authenticate: Callable[[], Awaitable[Principal]] = field(repr=False)


_caller: ContextVar[Caller] = ContextVar("caller")
_identified: ContextVar[Principal] = ContextVar("identified")
_by_certificate: ContextVar[bool] = ContextVar("by_certificate", default=False)
# What the current call needs on top of its method's scope, for as long as it lasts.
_needed: ContextVar[frozenset[Scope]] = ContextVar("needed", default=frozenset())


def caller() -> Caller:
    """Returns the caller of the current call."""
    return _caller.get()


def actor(context: _Context) -> Actor:
    """Returns the caller of the current call as the audit trail names it."""
    return callers.actor_of(caller().principal, context)


def identify(principal: Principal) -> None:
    """Notes who makes the current call, so that the audit trail can be told if that is refused."""
    _identified.set(principal)


def require(scope: Scope, what: str) -> None:
    """Refuses the current call if its key does not have a scope that something in it needs."""
    if not caller().principal.may(scope):
        raise sign_ins.missing(scope, what)
    _needed.set(_needed.get() | {scope})


class Gate(grpc.aio.ServerInterceptor):
    """The interceptor that authenticates and admits each call, limits its time, and turns exceptions into statuses."""

    def __init__(
        self,
        authenticator: Authenticator,
        scopes: Mapping[str, Scope],
        admission: Admission,
        notes: Noting,
        *,
        field_scopes: Mapping[str, Mapping[str, Scope]],
        open_methods: Collection[str] = (),
        certificates: Certificates | None = None,
        slow: SlowQuestions,
        max_call_seconds: float,
    ) -> None:
        self._slow = slow
        self._authenticator = authenticator
        self._scopes = scopes
        self._field_scopes = field_scopes
        self._open_methods = open_methods
        self._certificates = certificates
        self._signing_in = keyless.Places(_MOST_SIGNING_IN)
        self._admission = admission
        self._notes = notes
        self._max_call_seconds = max_call_seconds
        self._wrapped: dict[str, _Handler] = {}
        self._keyless = keyless.Keyless()

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[_Handler | None]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "_Handler | None":
        """Returns the wrapped handler of a call, or a handler that refuses it.

        A call that may not be made is refused before its request is read, so that callers without a key occupy no
        memory.
        """
        self._admission.arrivals.note()
        details = handler_call_details
        method = details.method
        wrapped: Any = self._wrapped.get(method)
        if wrapped is None:
            handler = await continuation(details)
            if handler is None:
                return None
            open_to_all = keyless.needs_no_key(method)
            wrapped = self._keyless.wrap(handler) if open_to_all else self._wrap(method, handler)
            self._wrapped[method] = wrapped
        if method not in self._scopes:
            return wrapped  # type: ignore[no-any-return]
        by_certificate = self._certificates is not None and not callers.has_credential(details.invocation_metadata)
        _by_certificate.set(by_certificate)
        if by_certificate:  # which the handler looks at: only there the connection is known
            return wrapped  # type: ignore[no-any-return]
        refusal = await self._authenticate(method, details.invocation_metadata)
        if refusal is None and wrapped.unary_unary and self._scopes[method] is Scope.INGEST:
            refusal = self._admission.refusal(caller().principal)
        return wrapped if refusal is None else answering.refusing(method, refusal)

    def _wrap(self, method: str, handler: Any) -> _Handler:
        """Returns the handler for all calls of a method."""
        keep = functools.partial(_Raw, parser=requests.parser(method, handler.request_deserializer))
        serialize = _serializer(handler.response_serializer)
        if method in self._open_methods:
            return grpc.unary_unary_rpc_method_handler(self._signs_in(method, handler.unary_unary), keep, serialize)
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(self._unary(method, handler.unary_unary), keep, serialize)
        if handler.stream_stream:
            return grpc.stream_stream_rpc_method_handler(self._stream(method, handler.stream_stream), keep, serialize)
        return grpc.unary_stream_rpc_method_handler(self._stream(method, handler.unary_stream), keep, serialize)

    async def _authenticate(self, method: str, metadata: callers.Metadata) -> "answering.Refusal | None":
        """Sets the caller of the call; returns why the call may not be made, if so."""
        principal: Principal | None = None
        try:
            text = callers.credential(metadata)
            principal = self._authenticator.known(text)
            if principal is None:
                async with asyncio.timeout(self._max_call_seconds):
                    principal = await self._authenticator.authenticate(text)
            if principal is None:
                return functools.partial(self._bad_credential, text)
            self.check_scope(method, principal)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not reach the caller as it is
            refusal = answering.refusal_of(error, method)
            answering.let_go(error)
            return refusal if principal is None else functools.partial(self._denied, method, principal, refusal)
        restricting.begin(principal)
        identify(principal)
        _caller.set(Caller(principal=principal, authenticate=_Credential(self, method, text).authenticate))
        return None

    def _denied(self, method: str, principal: Principal, refusal: Refused, context: _Context) -> Refused:
        self._notes.refused(method, principal, callers.actor_of(principal, context), refusal)
        return refusal

    def _refused_within(self, method: str, context: _Context, refusal: Refused) -> None:
        """Notes a refusal of a caller who is known, by whatever the call has come to."""
        principal = _identified.get(None)
        if principal is not None:
            self._denied(method, principal, refusal, context)

    async def _enter(self, method: str, context: _Context, *, sends_events: bool = False) -> None:
        """Refuses a call whose maker is known by the connection alone, or by where the call comes from."""
        if _by_certificate.get() and self._certificates is not None:
            shown = callers.shown_certificate(context)
            async with asyncio.timeout(self._max_call_seconds):
                principal = await self._certificates.principal(shown)
            identify(principal)
            self.check_scope(method, principal)
            restricting.begin(principal)
            again = _Shown(self, self._certificates, method, shown).authenticate
            _caller.set(Caller(principal=principal, authenticate=again))
            if sends_events and (refusal := self._admission.refusal(principal)) is not None:
                raise refusal
        callers.check_network(caller().principal, context)

    def _bad_credential(self, text: str, context: _Context) -> Refused:
        return self._authenticator.refusal(text, callers.peer(context))

    def _signs_in(self, method: str, handle: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Wraps a handler whose request is the credential. Anybody can call it, so calls are short, and there is
        a limit to those that wait to learn whether their credential is one: a flood of bad ones keeps nobody out.
        """

        async def call(request: _Raw, context: _Context) -> object:
            async with answering.CallEnd(method, context, self._refused_within):
                async with asyncio.timeout(self._max_call_seconds):
                    with self._signing_in.one() as free:
                        if not free:
                            raise Refused(Reason.OVERLOADED, "too many sign-ins at once", retry_after=1.0)
                        request_limits.check_sign_in(len(request.data))
                        message = request.parse()
                        unknown_fields.refuse(message)
                        return await handle(message, context)
            return None  # refused: nobody reads an answer

        return call

    def _unary(self, method: str, handle: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(request: _Raw, context: _Context) -> object:
            async with answering.CallEnd(method, context, self._refused_within):
                await self._enter(method, context, sends_events=self._scopes[method] is Scope.INGEST)
                async with asyncio.timeout(self._max_call_seconds):
                    if self._scopes[method] is not Scope.INGEST:
                        return await self._answer(method, request, handle, context)
                    principal, size = caller().principal, len(request.data)
                    with tracing.span("admission"):
                        await self._admission.check_events(principal, size)
                    with self._admission.holding(principal.organization_id, size):
                        return await handle(self._charged(principal, request), context)
            return None  # refused: nobody reads an answer

        return call

    async def _answer(
        self, method: str, request: _Raw, handle: Callable[..., Awaitable[Any]], context: _Context
    ) -> object:
        organization_id, traced = caller().principal.organization_id, functools.partial(callers.trace_id, context)
        with (
            self._slow.watching(method.rpartition("/")[2], organization_id, traced),
            self._admission.asking(organization_id),
        ):
            question = self._question(method, request)
            answer = await handle(question, context)
        if method in noting.READS:
            self._notes.read(method, caller().principal, actor(context), question, answer)
        return answer

    def _stream(self, method: str, handle: Callable[..., Any]) -> Callable[..., Awaitable[None]]:
        """Wraps a handler that writes its responses to the context, so that its errors pass through here too."""

        async def call(request: _Raw | AsyncIterator[_Raw], context: _Context) -> None:
            async with answering.CallEnd(method, context, self._refused_within):
                await self._enter(method, context)
                if isinstance(request, _Raw):
                    with self._admission.asking(caller().principal.organization_id):
                        question = self._question(method, request)
                        if method in noting.READS:
                            self._notes.read(method, caller().principal, actor(context), question, None)
                        await handle(question, context)
                else:
                    await handle(self._each(context), context)

        return call

    async def _each(self, context: _Context) -> AsyncIterator[object]:
        """Yields the messages of a stream of events, each when it can be let in.

        gRPC's own iterator belongs to a reference cycle, and would keep the last message when a stream ends early.
        """
        while (request := await context.read()) is not grpc.aio.EOF:
            yield await self._let_in(request)
            del request  # the next message may take long

    async def _let_in(self, request: _Raw) -> object:
        principal = await caller().authenticate()
        give_up_at = time.monotonic() + _STREAM_PATIENCE
        while True:
            try:
                await self._admission.check_events(principal, len(request.data))
                return self._charged(principal, request)
            except Refused as refusal:
                if refusal.retry_after is None or time.monotonic() + refusal.retry_after > give_up_at:
                    raise
                await asyncio.sleep(min(refusal.retry_after, _STREAM_LOOKS_EVERY))

    def _charged(self, principal: Principal, request: _Raw) -> object:
        message = request.parse()
        self._admission.charge(principal, requests.events_in(message))
        return message

    async def confirm(self, credential: _Credential, last: Principal) -> Principal:
        """Returns the principal of a call in progress; refuses one that may not go on."""
        principal = await self._authenticator.confirm(credential.text, last)
        self.check_going_on(credential.method, last, principal)
        return principal

    def check_going_on(self, method: str, last: Principal, now: Principal) -> None:
        """Refuses to go on with a call whose caller may not see any more what it has asked for: roles and restrictions
        of people change while their streams last.
        """
        self.check_scope(method, now)
        for scope in _needed.get():
            if not now.may(scope):
                raise sign_ins.missing(scope)
        restricting.check_going_on(method, last.restriction, now.restriction)

    def check_scope(self, method: str, principal: Principal) -> None:
        """Refuses a caller who may not call a method."""
        if principal.kind is CallerKind.OPERATOR:
            _check_operator(method)
            return
        if not principal.may(self._scopes[method]):
            raise sign_ins.missing(self._scopes[method])
        if principal.embed is not None:
            embedding.check(method, principal.embed)
        if principal.restriction is not None:
            restricting.check(method, principal.restriction)

    def _question(self, method: str, request: _Raw) -> Any:
        message, principal = request.parse(), caller().principal
        unknown_fields.refuse(message)
        for name, scope in self._field_scopes.get(method, {}).items():
            if getattr(message, name):
                require(scope, name)
        if principal.embed is not None:
            embedding.narrow(message, principal.embed)
        if principal.restriction is not None:
            restricting.narrow(method, message, principal.restriction)
        return message


def _check_operator(method: str) -> None:
    """Refuses an operator what is an organization's own: data, above all."""
    if not method.startswith(_FOR_OPERATORS):
        raise Refused(
            Reason.NOT_FOR_OPERATORS,
            "an operator's key is in no organization: it may call AdminService, and nothing else",
        )


def _serializer(serialize: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """Returns a serializer that lets bytes through: some responses are encoded once for many callers, or in a faster
    way.
    """
    return lambda response: response if isinstance(response, bytes) else serialize(response)
