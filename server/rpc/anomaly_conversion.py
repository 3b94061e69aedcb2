"""AnomalyService: conversion between messages and values."""

import math
from collections.abc import Mapping, Sequence

from server.admission import request_limits
from server.anomalies import changes as changed
from server.anomalies import finding, judging
from server.anomalies.changes import ChangeAccount, Changes, ChangesQuestion, MetricChange, PartOfChange
from server.anomalies.finding import AnomaliesAnswer, AnomaliesQuestion, Found, Ordering
from server.anomalies.judging import Basis, Direction, Method, Sensitivity
from server.anomalies.seasons import Season
from server.catalog import dimensions
from server.catalog.catalogue import Catalogue
from server.catalog.dimensions import Dimension
from server.catalog.metrics import Metric
from server.errors import Reason, Refused
from server.events import erased, rules
from server.query import grouping, metric_names
from server.rpc.questions import shared
from server.timerange import Granularity
from tallywire.v1 import anomaly_service_pb2, answer_pb2, metrics_service_pb2, time_pb2

_DEFAULT_LIMIT, _MAX_LIMIT = 50, 1_000
_DEFAULT_VALUES, _MAX_VALUES = 10, 20
_DEFAULT_ROWS, _MAX_ROWS = 5, 50
_LEAST_SIGMAS, _MOST_SIGMAS, _MOST_EFFECT = 2.0, 20.0, 100.0

_SENSITIVITIES: Mapping[int, Sensitivity] = {
    anomaly_service_pb2.ANOMALY_SENSITIVITY_UNSPECIFIED: Sensitivity.MEDIUM,
    anomaly_service_pb2.ANOMALY_SENSITIVITY_LOW: Sensitivity.LOW,
    anomaly_service_pb2.ANOMALY_SENSITIVITY_MEDIUM: Sensitivity.MEDIUM,
    anomaly_service_pb2.ANOMALY_SENSITIVITY_HIGH: Sensitivity.HIGH,
}
_DIRECTIONS: Mapping[int, Direction] = {
    anomaly_service_pb2.ANOMALY_DIRECTION_UNSPECIFIED: Direction.BOTH,
    anomaly_service_pb2.ANOMALY_DIRECTION_ABOVE: Direction.ABOVE,
    anomaly_service_pb2.ANOMALY_DIRECTION_BELOW: Direction.BELOW,
}
_ORDERS: Mapping[int, Ordering] = {
    anomaly_service_pb2.ANOMALY_ORDER_UNSPECIFIED: Ordering.NEWEST,
    anomaly_service_pb2.ANOMALY_ORDER_NEWEST: Ordering.NEWEST,
    anomaly_service_pb2.ANOMALY_ORDER_STRONGEST: Ordering.STRONGEST,
}
_METHODS = {one: anomaly_service_pb2.AnomalyMethod.Value(f"ANOMALY_METHOD_{one.name}") for one in Method}
_SEASONS = {one: anomaly_service_pb2.AnomalySeason.Value(f"ANOMALY_SEASON_{one.name}") for one in Season}


def anomalies_question(request: anomaly_service_pb2.ListAnomaliesRequest, catalogue: Catalogue) -> AnomaliesQuestion:
    """Returns the question of a request, which names what a catalogue has; refuses invalid fields."""
    part = shared.part(request.filter, catalogue)
    groups = [_group(request.group_by, catalogue)] if request.group_by else []
    for name, known in (("sensitivity", _SENSITIVITIES), ("direction", _DIRECTIONS), ("order", _ORDERS)):
        if getattr(request, name) not in known:
            raise Refused(Reason.INVALID_ENUM, f"not a known {name}", field=name)
    return AnomaliesQuestion(
        catalogue=catalogue,
        period=shared.period(request.time_range),
        part=part,
        metrics=_metrics(request.metrics, catalogue),
        grouping=grouping.grouping(groups, part),
        values=shared.whole_number("values", request.values, default=_DEFAULT_VALUES, most=_MAX_VALUES),
        granularity=_granularity(request.granularity),
        direction=_DIRECTIONS[request.direction],
        sensitivity=_sensitivity(request),
        minimum_effect=_number("minimum_effect", request.minimum_effect, 0.0, _MOST_EFFECT),
        order=_ORDERS[request.order],
        limit=shared.whole_number("limit", request.limit, default=_DEFAULT_LIMIT, most=_MAX_LIMIT),
    )


def _metrics(names: Sequence[str], catalogue: Catalogue) -> list[str]:
    if not names:
        raise rules.required("metrics")
    return metric_names.checked(names, catalogue)


def _group(name: str, catalogue: Catalogue) -> Dimension:
    among = [*dimensions.TABLE.filters, *catalogue.dimensions.values()]
    return shared.dimension(name, among, field="group_by", purpose="all figures are kept by")


def _granularity(number: int) -> Granularity | None:
    found = shared.granularity(number, field="granularity")
    if found is not None and found not in finding.WIDTHS:
        raise Refused(
            Reason.INVALID_VALUE, "buckets that are judged have a quarter of an hour to a month", field="granularity"
        )
    return found


def _sensitivity(request: anomaly_service_pb2.ListAnomaliesRequest) -> Sensitivity:
    if not request.HasField("sigmas"):
        return _SENSITIVITIES[request.sensitivity]
    if request.sensitivity:
        raise Refused(Reason.INVALID_VALUE, "goes without sensitivity: both say the same", field="sigmas")
    return Sensitivity(sigmas=_number("sigmas", request.sigmas, _LEAST_SIGMAS, _MOST_SIGMAS))


def _number(field: str, value: float, least: float, most: float) -> float:
    if not math.isfinite(value) or not least <= value <= most:
        raise Refused(
            Reason.VALUE_OUT_OF_RANGE,
            f"must be from {least:g} to {most:g}",
            field=field,
            metadata={"minimum": f"{least:g}", "maximum": f"{most:g}"},
        )
    return value


def changes_question(request: anomaly_service_pb2.ListChangesRequest, catalogue: Catalogue) -> ChangesQuestion:
    """Returns the question of a request, which names what a catalogue has; refuses invalid fields."""
    part = shared.part(request.filter, catalogue)
    request_limits.ACCOUNTS.check(len(request.group_by))
    if not request.group_by:
        raise rules.required("group_by")
    groups = [_group(name, catalogue) for name in request.group_by]
    if len(set(groups)) < len(groups):
        raise Refused(Reason.INVALID_VALUE, "group_by names a dimension twice", field="group_by")
    found = [grouping.grouping([one], part) for one in groups]
    return ChangesQuestion(
        catalogue=catalogue,
        period=shared.period(request.time_range),
        part=part,
        metrics=_metrics(request.metrics, catalogue),
        groupings=[one for one in found if one is not None],
        comparison=shared.compared_with(request.comparison) or changed.DEFAULT_COMPARISON,
        limit=shared.whole_number("limit", request.limit, default=_DEFAULT_ROWS, most=_MAX_ROWS),
    )


def anomalies(answer: AnomaliesAnswer) -> anomaly_service_pb2.ListAnomaliesResponse:
    """Returns the message of an answer."""
    return anomaly_service_pb2.ListAnomaliesResponse(
        context=shared.context(answer.context),
        anomalies=map(_anomaly, answer.found),
        total=answer.total,
        granularity=shared.granularity_number(answer.granularity),
        history_start=shared.instant(answer.history_start),
        series=answer.series,
        unjudged_series=answer.unjudged,
    )


def _anomaly(found: Found) -> anomaly_service_pb2.Anomaly:
    anomaly, judgement = found.anomaly, found.anomaly.judgement
    is_above = judgement.score > 0
    return anomaly_service_pb2.Anomaly(
        metric=_column(found.metric),
        value=erased.shown(found.value),
        display_name=found.display_name,
        start=shared.instant(found.start),
        end=shared.instant(found.end),
        buckets=anomaly.buckets,
        peak=shared.described(found.peak),
        figure=shared.series_value(found.metric, found.figure),
        expected=judgement.expected,
        low=judgement.low,
        high=judgement.high,
        score=judgement.score,
        direction=anomaly_service_pb2.ANOMALY_DIRECTION_ABOVE
        if is_above
        else anomaly_service_pb2.ANOMALY_DIRECTION_BELOW,
        method=_METHODS[judgement.method],
        basis=_basis(judgement.basis),
        explanation=judging.describe(judgement, anomaly.sample, kind=found.manner.kind),
    )


def _basis(basis: Basis) -> anomaly_service_pb2.AnomalyBasis:
    return anomaly_service_pb2.AnomalyBasis(
        season=_SEASONS[basis.season],
        buckets=basis.samples,
        weekday=time_pb2.WEEKDAY_UNSPECIFIED if basis.weekday is None else shared.weekday(basis.weekday),
        hour=basis.hour,
    )


def _column(metric: Metric) -> metrics_service_pb2.MetricColumn:
    return metrics_service_pb2.MetricColumn(metric=metric.name, unit=metric.unit, title=metric.title)


def changes(answer: Changes) -> anomaly_service_pb2.ListChangesResponse:
    """Returns the message of an answer."""
    return anomaly_service_pb2.ListChangesResponse(
        context=shared.context(answer.context),
        compared=shared.compared(answer.compared),
        metrics=map(_change, answer.metrics),
    )


def _change(change: MetricChange) -> anomaly_service_pb2.MetricChange:
    metric = change.metric
    return anomaly_service_pb2.MetricChange(
        metric=_column(metric),
        now=shared.series_value(metric, change.now),
        before=None if change.before is None else shared.series_value(metric, change.before),
        change=None if change.change is None else shared.series_value(metric, change.change),
        accounts=[_account(metric, one) for one in change.accounts],
    )


def _account(metric: Metric, account: ChangeAccount) -> anomaly_service_pb2.ChangeAccount:
    dimension = account.grouping.asked[0].name
    if account.rest is None:
        return anomaly_service_pb2.ChangeAccount(dimension=dimension, absence_reason=answer_pb2.ABSENCE_REASON_NOT_KEPT)
    return anomaly_service_pb2.ChangeAccount(
        dimension=dimension,
        rows=[_contribution(metric, one) for one in account.rows],
        rest=_contribution(metric, account.rest),
        other=None if account.other is None else _contribution(metric, account.other),
        complete=account.is_complete,
    )


def _contribution(metric: Metric, one: PartOfChange) -> anomaly_service_pb2.Contribution:
    message = anomaly_service_pb2.Contribution(
        value=erased.shown(one.value),
        display_name=one.display_name,
        now=shared.series_value(metric, one.now),
        before=shared.series_value(metric, one.before),
        change=shared.series_value(metric, one.change),
    )
    if one.effects is not None:
        message.mix, message.rate = one.effects.mix, one.effects.rate
        message.weight_now, message.weight_before = one.effects.weight_now, one.effects.weight_before
    return message
