"""Middleware by which services report the use of their own API, and workers the runs of their tasks."""

from tallywire.middleware.asgi import AsgiMiddleware
from tallywire.middleware.django import DjangoRoute
from tallywire.middleware.grpc_server import AsyncGrpcInterceptor, GrpcInterceptor
from tallywire.middleware.reports import HEALTH_CHECKS
from tallywire.middleware.workflows import arq_workflows, celery_workflows
from tallywire.middleware.wsgi import WsgiMiddleware

__all__ = [
    "HEALTH_CHECKS",
    "AsgiMiddleware",
    "AsyncGrpcInterceptor",
    "DjangoRoute",
    "GrpcInterceptor",
    "WsgiMiddleware",
    "arq_workflows",
    "celery_workflows",
]
