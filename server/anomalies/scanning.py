"""Scanning: the anomalies of a series, bucket after bucket, each run of them told once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from server.anomalies import judging
from server.anomalies.baseline import Baseline
from server.anomalies.judging import Judgement, Method
from server.anomalies.samples import Direction, Sample, Sensitivity, SeriesKind
from server.anomalies.windows import SortedWindow

# So many buckets that are as usual do not end an anomaly: something that stops for a moment is still the same thing.
BRIDGED = 1
# The share of the sensitivity that lets an anomaly go on.
GOES_ON = 0.5
# The surprises that tell how restless a series is: of 12 weeks of hours, and what 19 of 20 of them are below in noise.
_REMEMBERED = 2_016
_LEAST_REMEMBERED = 150
_USUALLY, _USUAL_SIGMAS = 0.95, 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a series is judged; its parts are those of judging.judge."""

    kind: SeriesKind
    zone: ZoneInfo
    width: timedelta
    direction: Direction
    sensitivity: Sensitivity
    minimum_effect: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """Buckets next to each other that are unusual on the same side.

    first and last are the places of the first and the last of them in the series, peak that of the most unusual, whose
    sample and judgement these are. buckets is how many are unusual: bridged ones between them are not counted.
    """

    first: int
    last: int
    peak: int
    buckets: int
    sample: Sample
    judgement: Judgement


class Scanner:
    """Judges the buckets of a series one after the other, each after the ones before it.

    Beyond what judging.judge does it knows how often the series has been unusual before. Where a twentieth of its
    buckets, which should lie beyond 2 sigmas, lie beyond 5, the series is restless by nature: its scores are divided by
    2.5, so that an anomaly is what is rare in this series. That takes 150 buckets.
    """

    def __init__(self, manner: Manner) -> None:
        """Has seen nothing. surprise is that of the latest bucket in sigmas, of a drift where that is more."""
        self.surprise = 0.0
        self._manner = manner
        self._seen = Baseline(kind=manner.kind, zone=manner.zone, width=manner.width)
        self._surprises = SortedWindow(_REMEMBERED)

    def take(self, sample: Sample) -> Judgement | None:
        """Judges a bucket, then takes it in."""
        self.surprise = 0.0
        manner, usual = self._manner, self._seen.usual(sample)
        restless = self._restless()
        found = judging.judged(
            self._seen,
            sample,
            kind=manner.kind,
            direction=manner.direction,
            sensitivity=Sensitivity(sigmas=manner.sensitivity.sigmas * restless),
            minimum_effect=manner.minimum_effect,
            usual=usual,
        )
        if found is not None and usual is not None and sample.value is not None:
            drift = 0.0 if found.method is Method.EWMA else self._seen.drift(sample.value, usual)
            surprise = max(abs(found.score), abs(drift))
            self._surprises.add(surprise)
            self.surprise = surprise / restless
            found = replace(found, score=found.score / restless)
        self._seen.observe(sample, None if usual is None else usual.near)
        return found

    def _restless(self) -> float:
        """Returns how much farther the last twentieth of surprises reaches than that of noise; 1 at least."""
        if len(self._surprises) < _LEAST_REMEMBERED:
            return 1.0
        ordered = self._surprises.ordered()
        return max(1.0, ordered[int(len(ordered) * _USUALLY)] / _USUAL_SIGMAS)


class Scan:
    """Finds the anomalies of a series bucket by bucket, those that begin at the place `start` or after it.

    What is before is history alone. Buckets that are still running must not be among them. An anomaly goes on as long
    as buckets are at least half as unusual as one must be to begin it, so that what wavers around the bounds is told
    once.
    """

    def __init__(self, manner: Manner, *, start: int = 0) -> None:
        """Has found nothing. is_judged says whether any bucket from the start on had enough history."""
        self.found: list[Anomaly] = []
        self.is_judged = False
        self._scanner = Scanner(manner)
        self._least = manner.sensitivity.sigmas * GOES_ON
        self._start, self._place, self._open_until = start, -1, -1

    def take(self, sample: Sample) -> None:
        """Takes in the next bucket."""
        self._place += 1
        judgement = self._scanner.take(sample)
        if judgement is None or self._place < self._start:
            return
        self.is_judged = True
        is_open = self._place <= self._open_until and _is_same_side(self.found[-1].judgement, judgement)
        if judgement.is_anomalous:
            self._add(sample, judgement, is_open=is_open)
        if judgement.is_anomalous or (is_open and abs(judgement.score) >= self._least):
            self._open_until = self._place + BRIDGED + 1

    def _add(self, sample: Sample, judgement: Judgement, *, is_open: bool) -> None:
        place = self._place
        if is_open:
            self.found[-1] = _joined(self.found[-1], place, sample, judgement)
            return
        self.found.append(Anomaly(first=place, last=place, peak=place, buckets=1, sample=sample, judgement=judgement))


def anomalies(samples: Sequence[Sample], manner: Manner, *, start: int = 0) -> list[Anomaly]:
    """Returns the anomalies of a series, as Scan finds them, in the order of time."""
    scan = Scan(manner, start=start)
    for sample in samples:
        scan.take(sample)
    return scan.found


def _is_same_side(one: Judgement, other: Judgement) -> bool:
    return (one.score > 0) == (other.score > 0)


def _joined(anomaly: Anomaly, place: int, sample: Sample, judgement: Judgement) -> Anomaly:
    """Returns an anomaly that goes on with a bucket. A bucket that is unusual by itself goes before a drift."""
    is_peak = _rank(judgement) > _rank(anomaly.judgement)
    return Anomaly(
        first=anomaly.first,
        last=place,
        peak=place if is_peak else anomaly.peak,
        buckets=anomaly.buckets + 1,
        sample=sample if is_peak else anomaly.sample,
        judgement=judgement if is_peak else anomaly.judgement,
    )


def _rank(judgement: Judgement) -> tuple[bool, float]:
    return judgement.method is not judging.Method.EWMA, abs(judgement.score)
