"""The options that commands share, each defined once, in groups that a command takes as one parameter."""

import contextlib
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_args

import typer
from rich.console import Console

from tallywire import aio, client, requests
from tallywire.cli import completion, csv_output, json_output, key_values, period, suggestions
from tallywire.cli.problems import WrongUsage
from tallywire.requests import CompareName, GranularityName

Address = Annotated[str, typer.Option(envvar="TALLYWIRE_ADDRESS", help="Where the server listens, as host:port.")]
Key = Annotated[
    str | None,
    typer.Option(
        envvar="TALLYWIRE_API_KEY",
        show_default=False,
        help="The API key. Prefer the variable: other users of the machine can see arguments.",
    ),
]
Ca = Annotated[Path | None, typer.Option(help="PEM file with the root certificates of the server; asks for TLS.")]
Cert = Annotated[Path | None, typer.Option(help="PEM file with the client's certificate chain.")]
CertKey = Annotated[Path | None, typer.Option(help="PEM file with the client's private key.")]
Insecure = Annotated[bool, typer.Option("--insecure", help="Plaintext also to other machines: the key can be read.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV (RFC 4180) and nothing else.")]


def _named_periods(incomplete: str) -> list[str]:
    return [name for name in period.NAMES if name.startswith(incomplete)]


Last = Annotated[
    str | None,
    typer.Option(
        autocompletion=_named_periods,
        help=f"The period up to now: 30m, 12h, 7d, 4w; or by name: {', '.join(period.NAMES)}. Default: 7d.",
    ),
]
From = Annotated[str | None, typer.Option("--from", help="Its start: a date or an RFC 3339 instant.")]
To = Annotated[str | None, typer.Option("--to", help="The first instant after it. Default: now.")]
Zone = Annotated[
    str | None,
    typer.Option(help="IANA time zone of dates and buckets. Default: the organization's."),
]
Agent = Annotated[
    str | None, typer.Option("--agent", autocompletion=completion.values_of("agent"), help="Only this agent.")
]
Agents = Annotated[
    list[str] | None,
    typer.Option("--agent", autocompletion=completion.values_of("agent"), help="Only this agent; may be repeated."),
]
Channel = Annotated[
    str | None, typer.Option("--channel", autocompletion=completion.values_of("channel"), help="Only this channel.")
]
Team = Annotated[
    str | None, typer.Option("--team", autocompletion=completion.values_of("team"), help="Only this team.")
]
Teams = Annotated[
    list[str] | None,
    typer.Option("--team", autocompletion=completion.values_of("team"), help="Only this team; may be repeated."),
]

# Those that the server knows, for help and completion: what else is named is left to the server.
ANSWER_DIMENSIONS: Final = (
    *("agent", "channel", "team", "model", "endpoint", "campaign", "queue", "topic", "handoff_reason", "error_code"),
    *("status_class", "method", "currency", "rubric", "scorer", "stage", "badge"),
)
REALTIME_DIMENSIONS: Final = ("agent", "channel", "team")
UPDATE_DIMENSIONS: Final = (*ANSWER_DIMENSIONS, "event_type")


def _where(names: Sequence[str], repeated: str) -> Any:
    """Returns the option --where with these dimensions."""

    def completed(incomplete: str) -> list[str]:
        return [f"{name}=" for name in names if name.startswith(incomplete)]

    return typer.Option(
        "--where",
        metavar="DIMENSION=VALUE",
        autocompletion=completed,
        help=f"Only this value of one of the dimensions {', '.join(names)}; as in team=north. {repeated}",
    )


_ANY_VALUE: Final = "May be repeated for several values of one dimension."
AnswerWhere = Annotated[
    list[str] | None, _where(ANSWER_DIMENSIONS, "May be given twice, for dimensions that are kept as a pair.")
]
RealtimeWhere = Annotated[list[str] | None, _where(REALTIME_DIMENSIONS, _ANY_VALUE)]
UpdateWhere = Annotated[list[str] | None, _where(UPDATE_DIMENSIONS, _ANY_VALUE)]

_GRANULARITIES: Final[tuple[GranularityName, ...]] = get_args(GranularityName)
_OF_USAGE_ALONE: Final = ("minute", "five_minutes")
_COMMON: Final = tuple(name for name in _GRANULARITIES if name not in _OF_USAGE_ALONE)
Granularity = Annotated[str | None, typer.Option(help=f"Width of a point: {', '.join(_COMMON)}.")]
SeriesGranularity = Annotated[
    str | None, typer.Option("--granularity", help=f"Show a series, too, of points so wide: {', '.join(_COMMON)}.")
]
FineGranularity = Annotated[str | None, typer.Option(help=f"Width of a point: {', '.join(_GRANULARITIES)}.")]

Compare = Annotated[
    str | None,
    typer.Option(
        help="Show an earlier period, too: previous, or the same days of the week, month or year before; or none."
    ),
]

Top = Annotated[int | None, typer.Option(min=1, max=100, help="Rows of each breakdown. Default: 10.")]

_CURRENCY: Final = "currency"  # the dimension whose values are what amounts are in
DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
_Client = TypeVar("_Client")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """The options that say how to reach the server."""

    address: Address = DEFAULT_ADDRESS
    key: Key = None
    ca: Ca = None
    cert: Cert = None
    cert_key: CertKey = None
    insecure: Insecure = False

    @contextlib.contextmanager
    def connect(self, *, stamp_sent_at: bool = True) -> Iterator[client.Client]:
        """Gives a connected client; a refusal of a name that the server does not know says what was probably meant.

        Raises WrongUsage for that and for options that make no sense, and Unavailable without a server.
        """
        with self._made(functools.partial(client.Client, stamp_sent_at=stamp_sent_at)) as opened:
            opened.connect()
            with suggestions.offered(opened):
                yield opened

    def asynchronous(self) -> aio.AsyncClient:
        """Returns a client for an event loop, not connected yet. Raises WrongUsage for options that make no sense."""
        return self._made(aio.AsyncClient)

    def _made(self, make: Callable[..., _Client]) -> _Client:
        """Returns the client that the options describe. Raises WrongUsage."""
        if not self.key:
            raise WrongUsage("there is no API key: set TALLYWIRE_API_KEY (or pass --key)")
        try:
            return make(
                self.address,
                api_key=self.key,
                root_certificates=_read(self.ca, "--ca"),
                certificate_chain=_read(self.cert, "--cert"),
                private_key=_read(self.cert_key, "--cert-key"),
                insecure=self.insecure,
            )
        except ValueError as error:
            raise WrongUsage(str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodOptions:
    """The options that say which period a question is about."""

    last: Last = None
    start: From = None
    end: To = None
    zone: Zone = None

    @property
    def is_given(self) -> bool:
        """Returns whether there is any that says when the period is."""
        return any((self.last, self.start, self.end))

    def question(self) -> period.Question:
        """Returns which period the options ask about. Raises WrongUsage."""
        asked = period.Question(last=self.last, start=self.start, end=self.end, zone=self.zone, now=datetime.now(UTC))
        asked.check()
        return asked


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterOptions:
    """The options that narrow an answer."""

    agent: Agent = None
    channel: Channel = None
    team: Team = None
    where: AnswerWhere = None

    def arguments(self) -> requests.Only:
        """Returns them as the arguments of a client's question. Raises WrongUsage."""
        dimensions = key_values.dimensions(self.where or [])
        return {"agent_id": self.agent, "channel": self.channel, "team_id": self.team, "dimensions": dimensions}

    @property
    def currency(self) -> str:
        """Returns the currency that amounts are in because a filter says so, or nothing."""
        return next(iter(key_values.dimensions(self.where or []).get(_CURRENCY, ())), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeFilterOptions:
    """The options that narrow realtime figures."""

    agent: Agents = None
    channel: Channel = None
    team: Teams = None
    where: RealtimeWhere = None

    def arguments(self) -> requests.RealtimeOnly:
        """Returns them as the arguments of a client's subscription. Raises WrongUsage."""
        dimensions = key_values.dimensions([*(f"team={team}" for team in self.team or []), *(self.where or [])])
        return {"agent_ids": self.agent or [], "channel": self.channel, "dimensions": dimensions}


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateFilterOptions(RealtimeFilterOptions):
    """The options that narrow updates."""

    where: UpdateWhere = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """The options that say in which form an answer is printed. Raises WrongUsage for more than one."""

    as_json: AsJson = False
    as_csv: AsCsv = False

    def __post_init__(self) -> None:
        """Raises WrongUsage for two forms."""
        if self.as_json and self.as_csv:
            raise WrongUsage("--json goes without --csv")

    def emit(
        self,
        *,
        document: Callable[[], json_output.Json],
        sheet: Callable[[], csv_output.Sheet],
        terminal: Callable[[Console], None],
    ) -> None:
        """Prints an answer in the form asked for, of which the others are not made."""
        if self.as_json:
            json_output.emit(document())
        elif self.as_csv:
            csv_output.emit(sheet())
        else:
            terminal(Console(markup=False))


def grouped(command: Callable[..., _Result]) -> Callable[..., _Result]:
    """Gives a command the options of each group that it takes, a dataclass, in the place of that parameter."""
    parameters: list[inspect.Parameter] = []
    groups: dict[str, tuple[type[Any], list[str]]] = {}
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if not dataclasses.is_dataclass(parameter.annotation):
            parameters.append(parameter)
            continue
        group: Any = parameter.annotation
        fields = inspect.signature(group, eval_str=True).parameters.values()
        groups[parameter.name] = (group, [one.name for one in fields])
        parameters.extend(fields)

    @functools.wraps(command)
    def wrapper(**given: Any) -> _Result:
        made = {name: group(**{one: given.pop(one) for one in names}) for name, (group, names) in groups.items()}
        return command(**given, **made)

    plain = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    vars(wrapper)["__signature__"] = inspect.Signature(plain)
    wrapper.__annotations__ = {one.name: one.annotation for one in plain}
    return wrapper


def granularity(
    text: str | None, option: str = "--granularity", *, may_be_fine: bool = False
) -> GranularityName | None:
    """Returns the granularity of that name, or None without one. Raises WrongUsage; also for series by the minute,
    unless the question has those.
    """
    if text is None:
        return None
    choices = _GRANULARITIES if may_be_fine else _COMMON
    for choice in choices:
        if choice == text:
            return choice
    hint = "; series by the minute are those of `tallywire usage`" if text in _OF_USAGE_ALONE else ""
    raise WrongUsage(f"{option} is one of {', '.join(choices)}, not {text!r}{hint}")


def compare(text: str | None) -> CompareName | None:
    """Returns the earlier period of that name, or None without one. Raises WrongUsage."""
    choices: tuple[CompareName, ...] = get_args(CompareName)
    for choice in choices:
        if choice == text:
            return choice
    if text in (None, "none"):
        return None
    raise WrongUsage(f"--compare is one of {', '.join(choices)}, none, not {text!r}")


def asked(question: period.Question, server: client.Client) -> period.AskedPeriod:
    """Returns the period, for days after a look at the organization's zone. Raises WrongUsage."""

    def home() -> period.Home:
        context = server.overview(question.now - timedelta(minutes=15), question.now).context
        return period.Home(time_zone=context.time_zone, week_start=max(0, context.week_start - 1))

    return question.period(home)


def _read(path: Path | None, option: str) -> bytes | None:
    """Returns the bytes of a file, or None without one. Raises WrongUsage."""
    try:
        return path.read_bytes() if path else None
    except OSError as error:
        raise WrongUsage(f"{option}: {error.strerror}: {path}") from None
