"""Anomalies of whole series: each once, with its peak, the same as judged one by one."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from server.anomalies import judging, scanning
from server.anomalies.judging import Direction, Kind, Sample, Sensitivity
from server.anomalies.scanning import Manner, Scanner

HOUR = timedelta(hours=1)
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def series(count: int, value: Callable[[int], float]) -> list[Sample]:
    return [Sample(at=MONDAY + number * HOUR, value=value(number)) for number in range(count)]


def manner(kind: Kind = Kind.COUNT, sensitivity: Sensitivity = Sensitivity.MEDIUM) -> Manner:
    return Manner(
        kind=kind,
        zone=ZoneInfo("Europe/Berlin"),
        width=HOUR,
        direction=Direction.BOTH,
        sensitivity=sensitivity,
        minimum_effect=0.0,
    )


def noise(number: int) -> float:
    return random.Random(number).gauss(400, 20)


def test_neighbours_are_one_anomaly_with_its_peak() -> None:
    unusual = {500: 600.0, 501: 1_400.0, 503: 600.0, 510: 150.0, 511: 100.0, 600: 800.0}
    samples = series(700, lambda number: unusual.get(number, noise(number)))
    found = scanning.anomalies(samples, manner())
    assert [(one.first, one.last, one.peak, one.buckets) for one in found] == [
        (500, 503, 501, 3),
        (510, 511, 511, 2),
        (600, 600, 600, 1),
    ]
    assert [one.judgement.score > 0 for one in found] == [True, False, True]
    assert found[0].sample.value == 1_400.0


def test_what_is_before_the_start_is_history_alone() -> None:
    samples = series(700, lambda number: 900.0 if number in (300, 650) else noise(number))
    assert [one.first for one in scanning.anomalies(samples, manner())] == [300, 650]
    assert [one.first for one in scanning.anomalies(samples, manner(), start=400)] == [650]
    assert [one.first for one in scanning.anomalies(samples[:650], manner(), start=400)] == []


def test_a_scan_says_what_single_judgements_say() -> None:
    """The scan remembers levels and noise of all buckets, a single judgement of the 48 before."""
    samples = series(1_200, lambda number: noise(number) * (1.5 if number % 24 > 7 else 0.5))
    scanner, chosen = Scanner(manner()), manner()
    for number, sample in enumerate(samples):
        scanned = scanner.take(sample)
        if number < 700 or number % 25:
            continue
        alone = judging.judge(
            samples,
            sample,
            kind=chosen.kind,
            zone=chosen.zone,
            width=chosen.width,
            direction=chosen.direction,
            sensitivity=chosen.sensitivity,
            minimum_effect=chosen.minimum_effect,
        )
        assert scanned is not None
        assert alone is not None
        assert scanned.basis == alone.basis
        assert scanned.expected == pytest.approx(alone.expected, rel=0.02)
        assert scanned.score == pytest.approx(alone.score, abs=0.5)


def test_a_restless_series_has_a_higher_bar() -> None:
    """One bucket in fifteen is a quarter more than usual: that is how this series is, and four times as much is not."""

    def value(number: int) -> float:
        return noise(number) * (1.25 if random.Random(-number).random() < 1 / 15 else 1)

    samples = [*series(900, value), Sample(at=MONDAY + 900 * HOUR, value=40_000.0)]
    found = scanning.anomalies(samples, manner(kind=Kind.VALUE), start=400)
    assert [one.first for one in found] == [900]
    calm = [*series(900, noise), Sample(at=MONDAY + 900 * HOUR, value=600.0)]
    assert [one.first for one in scanning.anomalies(calm, manner(kind=Kind.VALUE), start=400)] == [900]


def test_gaps_are_no_anomalies() -> None:
    samples = [
        Sample(at=one.at, value=None if 400 <= number < 450 else one.value)
        for number, one in enumerate(series(600, noise))
    ]
    assert scanning.anomalies(samples, manner()) == []
