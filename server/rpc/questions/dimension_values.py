"""ListDimensionValues: conversion between messages and values."""

from server.catalog import dimensions
from server.catalog.catalogue import Catalogue
from server.events import rules
from server.query.dimension_values import MAX_PAGE_SIZE, DimensionValues, ValuesQuestion
from server.rpc.questions import shared
from tallywire.v1 import metrics_service_pb2

DEFAULT_PAGE_SIZE = 50


def question(request: metrics_service_pb2.ListDimensionValuesRequest, catalogue: Catalogue) -> ValuesQuestion:
    """Returns the question of a request, which names what a catalogue has; refuses invalid fields."""
    if not request.dimension:
        raise rules.required("dimension")
    listed = [*(one for one in dimensions.TABLE.groups if one.member_kind), *catalogue.dimensions.values()]
    return ValuesQuestion(
        dimension=shared.dimension(request.dimension, listed, field="dimension", purpose="has values to list"),
        prefix=rules.identifier("prefix", request.prefix) if request.prefix else "",
        period=shared.period(request.time_range) if request.HasField("time_range") else None,
        page_size=shared.page_size(request.page_size, DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
        catalogue=catalogue,
    )


def response(answer: DimensionValues) -> metrics_service_pb2.ListDimensionValuesResponse:
    """Returns the message of an answer."""
    return metrics_service_pb2.ListDimensionValuesResponse(
        context=shared.context(answer.context),
        values=[
            metrics_service_pb2.DimensionValue(value=one.value, display_name=one.display_name, events=one.events)
            for one in answer.values
        ],
        has_more=answer.has_more,
    )
