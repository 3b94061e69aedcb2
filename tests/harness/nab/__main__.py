"""Runs detectors over the benchmark: `python -m tests.harness.nab --data FOLDER`.

FOLDER has the benchmark's data and labels, or nab.tar.gz with them. Thresholds are chosen for each detector and profile
on one half of the files, and the figures are those of the other half.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from server.anomalies import scanning
from tests.harness.nab import detectors, files, scoring
from tests.harness.nab.files import Series
from tests.harness.nab.scoring import Counted, Profile

# What is tried: thresholds by detector, and for how many points an alarm goes on without a cause. Of the service's
# scores half of the threshold lets an alarm go on, as it does in its answers.
_TAILS = [1 - 10 ** (-step / 4) for step in range(1, 48)]
_SIGMAS = [2 + step / 4 for step in range(80)]
_QUIET = (0, 6, 12, 24, 48, 96, 192)
_DETECTORS = (
    ("chance", detectors.chance, _TAILS, 1.0),
    ("windowed Gaussian", detectors.windowed_gaussian, _TAILS, 1.0),
    ("tallywire", detectors.ours, _SIGMAS, scanning.GOES_ON),
)

_Scored = Sequence[tuple[Series, Sequence[float]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """When there is an alarm, and how long."""

    threshold: float
    quiet: int
    goes_on: float


def main() -> int:
    """Prints a table of scores; 1 if the service's judgements do not beat both baselines in every profile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the benchmark")
    tuning, telling = files.halves(files.read(parser.parse_args().data))
    print(f"{_size(tuning)} to choose settings on, {_size(telling)} for the figures\n")
    print("| detector | alarms | profile | score | tuning half | windows found | false alarms | precision | delay |")
    print("|---|---|---|---|---|---|---|---|---|")
    best: dict[tuple[str, str], float] = {}
    for name, detector, thresholds, goes_on in _DETECTORS:
        began = time.process_time()
        chosen = [(one, detector(one)) for one in tuning]
        told = [(one, detector(one)) for one in telling]
        took = time.process_time() - began
        for quiets in ((0,), _QUIET):
            settings = [_Setting(threshold=one, quiet=quiet, goes_on=goes_on) for quiet in quiets for one in thresholds]
            for profile in scoring.PROFILES:
                setting = _chosen(chosen, profile, settings)
                before, counted = (_counted(scored, setting, profile) for scored in (chosen, told))
                score = scoring.score(counted, profile)
                print(_row(name, setting, profile, score, scoring.score(before, profile), counted, len(quiets) > 1))
                best[name, profile.name] = max(score, best.get((name, profile.name), 0.0))
        points = sum(len(one.values) for one in (*tuning, *telling))
        print(f"| | | | | | | | | {took / points * 1e6:.0f} µs a point |")
    beaten = all(
        best["tallywire", profile.name] > best[name, profile.name]
        for name in ("chance", "windowed Gaussian")
        for profile in scoring.PROFILES
    )
    print("\nboth baselines are beaten in every profile" if beaten else "\na baseline is not beaten")
    return 0 if beaten else 1


def _size(series: Sequence[Series]) -> str:
    windows = sum(len(one.windows) for one in series)
    return f"{len(series)} files with {sum(len(one.values) for one in series):,} points and {windows} windows"


def _chosen(scored: _Scored, profile: Profile, settings: Sequence[_Setting]) -> _Setting:
    """Returns the setting with the best score."""
    return max(settings, key=lambda setting: scoring.score(_counted(scored, setting, profile), profile))


def _counted(scored: _Scored, setting: _Setting, profile: Profile) -> Counted:
    counted = []
    for series, scores in scored:
        found = detectors.alarms(scores, setting.threshold, setting.quiet, setting.goes_on)
        counted.append(scoring.count(series, found, profile))
    return scoring.together(counted)


def _row(
    name: str, setting: _Setting, profile: Profile, score: float, tuned: float, counted: Counted, is_joined: bool
) -> str:
    how = f"joined over {setting.quiet} points" if is_joined else "every point"
    how += f", from {setting.threshold:.7g}"
    precision = "–" if counted.precision is None else f"{counted.precision:.0%}"
    delay = statistics.median(late / length for late, length in counted.delays) if counted.delays else 1.0
    found = f"{counted.found} of {counted.windows} ({counted.recall:.0%})"
    return (
        f"| {name} | {how} | {profile.name} | **{score:.1f}** | {tuned:.1f} | {found} | {counted.false_alarms}"
        f" | {precision} | {delay:.0%} of a window |"
    )


if __name__ == "__main__":
    raise SystemExit(main())
