"""The command: what is measured, with which bars, and how it is printed."""

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.harness.forecasts import made, measuring, published, users
from tests.harness.forecasts.measuring import Case, Summary

_SHARED = Path(__file__).parents[4] / "shared" / "data"
_HEAD = ("series", "forecasts", "80 %", "95 %", "told 80 %", "MASE", "naive", "ratio", "told MASE", "ms")
_BEST_COVERAGE, _WORST_COVERAGE = 0.75, 0.85
_RATIO = 0.9
_SECONDS = 60
_FORTNIGHT = 14
_CALIBRATION = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says."""

    shared: Path
    m4: Path | None
    seed: int
    count: int
    every: int


def main(arguments: Sequence[str]) -> None:
    """Runs what the command line says; ends with 1 where a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.harness.forecasts", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which of {', '.join(_MEASURES)}; all but m4 if none is"
    )
    parser.add_argument("--shared", type=Path, default=_SHARED, metavar="FOLDER", help="published records")
    parser.add_argument(
        "--m4", type=Path, metavar="FOLDER", help="the files Hourly-train.csv, Hourly-test.csv and so on"
    )
    parser.add_argument("--seed", type=int, default=1, help="of made series")
    parser.add_argument("--count", type=int, default=160, help="made series of each width")
    parser.add_argument("--every", type=int, default=1, help="every so many series of M4")
    known = parser.parse_args(arguments)
    names = known.names or [name for name in _MEASURES if name != "m4"]
    unknown = set(names) - set(_MEASURES)
    if unknown:
        parser.error(f"nothing named {', '.join(sorted(unknown))}")
    options = Options(shared=known.shared, m4=known.m4, seed=known.seed, count=known.count, every=known.every)
    held = True
    for name in names:
        print(f"\n## {name}\n", flush=True)
        held &= _MEASURES[name](options)
    sys.exit(0 if held else 1)


def _row(*cells: object) -> None:
    print("| " + " | ".join(str(one) for one in cells) + " |", flush=True)


def _head() -> None:
    _row(*_HEAD)
    _row(*("---" for _ in _HEAD))


def _show(name: str, found: Summary) -> None:
    shares = (f"{one:.1%}" for one in (found.held_80, found.held_95, found.told_80))
    errors = (f"{one:.3f}" for one in (found.mase, found.naive_mase, found.ratio, found.told_mase))
    _row(name, found.count, *shares, *errors, f"{found.seconds * 1000:.0f}")


def _bar(what: str, held: bool) -> bool:
    print(f"\n{what}: {'reached' if held else 'MISSED'}", flush=True)
    return held


def _coverage(kinds: Iterable[tuple[str, list[Case]]]) -> bool:
    _head()
    held = True
    for name, cases in kinds:
        found = measuring.summary(cases)
        _show(name, found)
        held &= _BEST_COVERAGE <= found.held_80 <= _WORST_COVERAGE
    return _bar("the interval of 80 % holds 75 to 85 %", held)


def _made(options: Options) -> bool:
    """Coverage on made series."""
    return _coverage(
        (
            f"made {'days' if is_daily else 'hours'}",
            made.cases(is_daily=is_daily, count=options.count, seed=options.seed),
        )
        for is_daily in (False, True)
    )


def _m4(options: Options) -> bool:
    """Coverage on the series of M4."""
    folder = options.m4
    if folder is None:
        raise SystemExit("m4 needs --m4 FOLDER, with the files of github.com/Mcompetitions/M4-methods")
    widths = [one for one in (False, True) if (folder / f"{'Daily' if one else 'Hourly'}-train.csv").exists()]
    return _coverage(
        (f"M4 {'days' if one else 'hours'}", list(published.m4(folder, is_daily=one, every=options.every)))
        for one in widths
    )


def _shared(options: Options) -> bool:
    """Errors on published records."""
    _head()
    cases = []
    for one, mine in published.shared(options.shared):
        if mine:
            cases.append((one.is_daily, one.name.split("/")[0], mine))
    ordered = sorted(cases, key=lambda one: one[:2])
    for (is_daily, name), group in itertools.groupby(ordered, key=lambda one: one[:2]):
        _show(
            f"{name}, {'days' if is_daily else 'hours'}", measuring.summary(itertools.chain(*(one[2] for one in group)))
        )
    whole = measuring.summary(itertools.chain(*(one[2] for one in ordered)))
    _show("all", whole)
    return _bar(f"MASE is at most {_RATIO} of the seasonal naive's", whole.ratio <= _RATIO)


def _speed(options: Options) -> bool:
    """A thousand series of 400 days each."""
    cases = [
        Case(name=one.name, seasons=one.seasons, history=[*one.history, *one.history][:400], future=one.future)
        for one in made.cases(is_daily=True, count=50, seed=options.seed)
    ]
    began = time.process_time()
    for _ in range(20):
        for one in cases:
            measuring.outcome(one)
    seconds = time.process_time() - began
    print(f"1,000 series of 400 days: {seconds:.1f} s of one core", flush=True)
    return _bar(f"at most {_SECONDS} s on one core", seconds <= _SECONDS)


def _churn(options: Options) -> bool:
    """Users who came back within a fortnight, by what was known before."""
    _row("users", "day", "known", "expected", "came back", "error", "highest tenth expected", "came back")
    _row(*("---" for _ in range(8)))
    real = users.of_conversations()
    last = max(days[-1] for days in real.values())
    kinds = (
        ("made", users.made(1_000, 200, options.seed), range(90, 187, 14)),
        ("chitchat", real, range(last - 13 - 14 * 4, last - 12, 14)),
    )
    mean = {}
    for name, people, instants in kinds:
        found = list(users.held_out(people, _FORTNIGHT, instants))
        for one in found:
            expected, came = one.tenths[-1]
            _row(
                name,
                one.at,
                one.users,
                f"{one.expected:.0f}",
                one.returned,
                f"{one.error:.1%}",
                f"{expected:.1%}",
                f"{came:.1%}",
            )
        mean[name] = sum(one.error for one in found) / len(found)
    print("\n" + ", ".join(f"{name}: {error:.1%} on average" for name, error in mean.items()), flush=True)
    return _bar("shares are off by at most 5 %", max(mean.values()) <= _CALIBRATION)


_MEASURES: dict[str, Callable[[Options], bool]] = {
    "made": _made,
    "m4": _m4,
    "shared": _shared,
    "speed": _speed,
    "churn": _churn,
}
