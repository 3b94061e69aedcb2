"""Writes the parts of the documentation that are made from the code: run it after a change of the catalogue.

`.venv/bin/python docs/generate.py` writes the tables between the markers anew. With --check it only says which pages
are behind the code, and ends with 1 if any is.
"""

import json
import pathlib
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.metrics import MetricWrapperBase

from server import telemetry
from server.catalog import dimensions, registry
from server.catalog.dimensions import Dimension
from server.catalog.metrics import Aggregation, Better, Definition, Derived, Measure, Quantile, Ratio, Where
from server.cli import setting_options
from server.cli.doctor import doctor
from server.organizations.settings import SETTINGS
from server.rpc import embedding, restricting, services
from server.settings import Settings
from server.store.bi import schema as bi_views
from server.tenancy.principal import Scope
from server.tenancy.roles import BUILT_IN

DOCS = pathlib.Path(__file__).parent
CHART = DOCS / "operations" / "deploy" / "helm" / "tallywire"
# Settings that the chart makes from other values, and those of `up`, the demo and tests, which have no meaning there.
CHART_SETS = {
    *("listen", "processes", "allow_plaintext", "tls_certificate", "tls_key", "tls_client_ca", "identity_providers"),
    *(
        "metrics_address",
        "metrics_port",
        "web_listen",
        "web_service",
        "web_service_ca",
        "web_origin",
        "web_embed_origins",
    ),
    *("web_proxies", "data_dir", "web_caught_mail", "allow_failpoints"),
}
PAGES_CATALOGUE = DOCS.parent / "clients" / "web" / "src" / "catalogue.json"


def metrics_table() -> str:
    """Returns the catalogue, in the order of names as in ListMetrics."""
    everything = sorted(registry.ALL.values(), key=lambda metric: metric.name)
    rows = (
        f"| `{one.name}` | {one.title} | {one.unit} | {one.description} | {_origin(one)} | {_series(one)} |"
        for one in everything
    )
    return "\n".join(("| Metric | Title | Unit | Definition | From | Series |", "|---|---|---|---|---|---|", *rows))


def _origin(metric: Definition) -> str:
    """Returns the events that a metric counts, or what it is computed from."""
    match metric:
        case Measure():
            types = ", ".join(f"`{one}`" for one in metric.event_types) or _every(metric)
            only = f", by {' or '.join(metric.only_by)} alone" if metric.only_by else ""
            return types + _value(metric) + only
        case Ratio():
            above = _sum(metric.numerators) + "".join(f" − `{one}`" for one in metric.subtrahends)
            divided = metric.denominators and (metric.subtrahends or len(metric.numerators) > 1)
            above = f"({above})" if divided else above
            below = _sum(metric.denominators)
            below = f"({below})" if len(metric.denominators) > 1 else below
            return f"{above} ÷ {below}{_parts(metric)}" if metric.denominators else above
        case Quantile():
            return f"`{metric.measure}`{_parts(metric)}"
        case Derived():
            return ""


def _every(measure: Measure) -> str:
    if measure.of_unknown_types:
        return "event types that are not known"
    return f"the projection of {measure.projection}" if measure.projection else "every event"


def _value(measure: Measure) -> str:
    """Returns what is taken of the events, and of which of them."""
    value = f": {_sum(measure.fields)}" if measure.field else ""
    value += f", where `{measure.where.field}` is {_range(measure.where)}" if measure.where else ""
    return value + (f", without `{measure.without}`" if measure.without else "")


def _range(where: Where) -> str:
    if where.most == Where(field="").most:
        return f"{where.least} or more"
    return f"{where.least} to {where.most}"


def _parts(metric: Ratio | Quantile) -> str:
    return f" ÷ {metric.parts:,}" if metric.parts > 1 else ""


def _sum(names: tuple[str, ...]) -> str:
    return " + ".join(f"`{one}`" for one in names)


def _series(metric: Definition) -> str:
    return "no" if isinstance(metric, Derived) else "yes"


def dimensions_table() -> str:
    """Returns the dimensions, in the order of their table."""
    header = "| Dimension | Definition | From | Limit | Filter | Realtime |\n|---|---|---|---|---|---|"
    return "\n".join((header, *map(_dimension_row, dimensions.TABLE.entries)))


def _dimension_row(dimension: Dimension) -> str:
    details = " or ".join(
        " and ".join(f"`{family}.{name}`" for name in dimension.details) for family in dimension.families
    )
    source = f"`{dimension.field}`" if dimension.field else details
    limit = f"{dimension.limit:,}" if dimension.member_kind else ""
    may = {True: "yes", False: "no"}
    of = (f"`{dimension.name}`", dimension.description, source, limit)
    is_filter = dimension in dimensions.TABLE.filters
    return f"| {' | '.join(of)} | {may[is_filter]} | {may[is_filter and dimension.has_slots]} |"


def prometheus_table() -> str:
    """Returns the service's own metrics, in the order of their file."""
    found = [one for one in vars(telemetry).values() if isinstance(one, MetricWrapperBase)]
    return "\n".join(("| Metric | Labels | Meaning |", "|---|---|---|", *map(_prometheus_row, found)))


def _prometheus_row(metric: MetricWrapperBase) -> str:
    (described,) = metric.describe()
    name = described.name + ("_total" if described.type == "counter" else "")
    return f"| `{name}` | {', '.join(metric._labelnames)} | {described.documentation} |"


def organization_table() -> str:
    """Returns what can be set for an organization."""
    return setting_options.documentation(SETTINGS.values()).rstrip()


def bi_table() -> str:
    """Returns the views for BI and their columns."""
    rows = (
        f"| `{one.name}` | {one.comment} | {', '.join(f'`{column.name}`' for column in one.columns)} |"
        for one in bi_views.views()
    )
    return "\n".join(("| View | What it has | Columns |", "|---|---|---|", *rows))


def access_table() -> str:
    """Returns which callers each RPC is for, in alphabetical order."""
    roles = tuple(BUILT_IN)
    header = f"| RPC | Scope | {' | '.join(roles)} | restricted | embed token |"
    rows = sorted(map(_access_row, services.SCOPES.keys() | services.OPEN))
    return "\n".join((header, "|---" * (4 + len(roles)) + "|", *rows))


def _access_row(method: str) -> str:
    name = method.strip("/").rpartition(".")[2].replace("/", ".")
    if method in services.OPEN:
        return f"| `{name}` | none |{' yes |' * len(BUILT_IN)} open |  |"
    scope = services.SCOPES[method]
    may = ("yes" if {scope, Scope.ADMIN} & scopes else "" for scopes in BUILT_IN.values())
    kinds = {"narrowed": restricting.NARROWED, "open": restricting.OPEN, "within": restricting.WITHIN}
    restricted = next((word for word, methods in kinds.items() if method in methods and scope is not Scope.ADMIN), "")
    embedded = "yes" if method in embedding.METHODS.values() else "always" if method == embedding.ALWAYS else ""
    return f"| `{name}` | {scope} | {' | '.join((*may, restricted, embedded))} |"


def doctor_table() -> str:
    """Returns what `python -m server doctor` looks at, in its order."""
    rows = (f"| {one.name} | {one.about}. | [more]({_relative(one.page)}) |" for one in doctor.CHECKS)
    return "\n".join(("| Check | Nothing is wrong where | |", "|---|---|---|", *rows))


def _relative(page: str) -> str:
    """Returns a page of the documentation as seen from docs/operations."""
    inside = page.removeprefix("docs/operations/")
    return inside if inside != page else f"../{page.removeprefix('docs/')}"


TABLES: Mapping[str, Callable[[], str]] = {
    "metrics": metrics_table,
    "dimensions": dimensions_table,
    "prometheus": prometheus_table,
    "organization": organization_table,
    "bi": bi_table,
    "access": access_table,
    "doctor": doctor_table,
}


def pages_catalogue() -> str:
    """Returns what the web pages know of metrics: title, unit, direction of good, and how figures go together.

    Pages show these before anybody opens a definition, so they do not ask for the whole catalogue first.
    """
    known = sorted(registry.ALL.values(), key=lambda one: one.name)
    rows = (
        f'  "{one.name}": {json.dumps([one.title, one.unit, _SIGNS[one.better], _adds_up(one)], ensure_ascii=False)}'
        for one in known
    )
    return "{\n" + ",\n".join(rows) + "\n}\n"


_SIGNS: Mapping[Better, str] = {Better.NEITHER: "", Better.HIGHER: "+", Better.LOWER: "-"}


def _adds_up(metric: Definition) -> int:
    """Returns 1 if figures of parts come to that of the whole, 0 if not, and -1 where there is no series at all."""
    match metric:
        case Measure():
            return int(metric.aggregation in (Aggregation.COUNT, Aggregation.SUM))
        case Ratio():
            return int(not metric.denominators)
        case Derived():
            return -1
        case _:
            return 0


def chart_schema(before: str) -> str:
    """Returns the schema of the chart's values with the settings that can be given as they are: secrets are apart."""
    names = (
        f'"TALLYWIRE_{name.upper()}"'
        for name, field in Settings.model_fields.items()
        if not field.validation_alias and name not in CHART_SETS and "SecretStr" not in str(field.annotation)
    )
    lines = textwrap.indent(textwrap.fill(", ".join(names), 108), " " * 10)
    head, settings, rest = before.partition('"settings": {')
    beginning, enum, after = rest.partition('"enum": [')
    return f"{head}{settings}{beginning}{enum}\n{lines}\n        ]{after.partition(']')[2]}"


def refreshed() -> Iterator[tuple[pathlib.Path, str, str]]:
    """Yields each page that has a generated table: its file, its text, and the text as the code has it now."""
    for page in sorted(DOCS.rglob("*.md")):
        before = after = page.read_text(encoding="utf-8")
        for name, table in TABLES.items():
            begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
            if begin in after:
                head, _, rest = after.partition(begin)
                after = f"{head}{begin}{table()}\n{end}{rest.partition(end)[2]}"
        if any(f"<!-- {name}:begin -->" in before for name in TABLES):
            yield page, before, after
    # The chart has copies, since Helm takes files from within a chart alone.
    for name in ("alerts.yaml", "dashboard.json"):
        source, copy = DOCS / "operations" / name, CHART / "files" / name
        yield copy, copy.read_text(encoding="utf-8"), source.read_text(encoding="utf-8")
    schema = CHART / "values.schema.json"
    yield schema, schema.read_text(encoding="utf-8"), chart_schema(schema.read_text(encoding="utf-8"))
    yield PAGES_CATALOGUE, PAGES_CATALOGUE.read_text(encoding="utf-8"), pages_catalogue()


def main(arguments: list[str]) -> int:
    """Writes the pages, or checks them; returns the exit code."""
    stale = [(page, text) for page, before, text in refreshed() if before != text]
    for page, text in stale:
        if "--check" in arguments:
            print(f"{page} is behind the code: run .venv/bin/python docs/generate.py", file=sys.stderr)
        else:
            page.write_text(text, encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
