"""The words of reports, in each language: "en" and "de"."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from server.reports import german_titles

LOCALES: Final = ("en", "de")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTexts:
    """The words of a language. Placeholders are those of str.format."""

    report: str
    period: str
    compared_with: str
    time_zone: str
    organization: str
    revision: str
    revisions: str  # from {0} to {1}
    as_of: str
    currency: str
    made: str
    requested_by: str
    by_schedule: str
    version: str
    run: str
    contents: str
    definitions: str
    definitions_lead: str
    running: str
    restricted: str  # to the values {1} of a dimension {0}
    restricted_to: Mapping[str, str]  # how dimensions are called there
    page: str  # {0} of {1}; typst and the workbook fill it
    absent: str
    days: str  # {0} days
    one_day: str
    refused: str
    no_rows: str
    more_rows: str  # {0} of {1} rows
    approximate: str  # {0} names, {1} percent
    lagging: str
    differences: str
    differences_lead: str  # {0} figures, run {1}
    no_differences: str  # run {0}
    not_comparable: str
    block: str
    row: str
    figure: str
    before: str
    now: str
    change: str
    earlier: str
    of_first: str
    of_previous: str
    median_time: str
    reached: str
    stage: str
    dashed: str
    pale: str
    thin: str  # {0}
    hours_marked: str
    newest: str
    better: str
    worse: str
    points: str
    files_hold_all: str
    without_value: str
    other: str
    rest: str
    total: str
    granularities: Mapping[str, str]
    ranges: Mapping[str, str]
    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    titles: Mapping[str, str]  # of metrics, where the catalogue's are not in this language


_EN: Final = ReportTexts(
    report="Report",
    period="Period",
    compared_with="Compared with",
    time_zone="Time zone",
    organization="Organization",
    revision="Revision",
    revisions="{0} to {1}",
    as_of="Data as of",
    currency="Currency",
    made="Made",
    requested_by="Requested by",
    by_schedule="a schedule of {0}",
    version="Version of the report",
    run="Run",
    contents="Contents",
    definitions="About the figures",
    definitions_lead="What the figures of this report mean. An absent figure (–) cannot be computed; 0 is a computed"
    " zero.",
    running="The period has not ended: figures are those so far.",
    restricted="Restricted to {0} {1}: all figures are of this part alone.",
    restricted_to={"agent": "agent", "channel": "channel", "team": "team"},
    page="Page {0} of {1}",
    absent="–",
    days="{0} days",
    one_day="1 day",
    refused="This block could not be answered",
    no_rows="Nothing in this period.",
    more_rows="{0} of {1} rows are shown.",
    approximate="At most {1} off: {0}.",
    lagging="Of an earlier revision: {0}.",
    differences="What differs from the earlier run",
    differences_lead="{0} figures differ from those of run {1}, which asked for the same period: events that came in"
    " late, corrections, or conversations that came out otherwise.",
    no_differences="No figure differs from those of run {0}, which asked for the same period.",
    not_comparable="The figures of run {0} are no longer kept, so that differences cannot be told.",
    block="Block",
    row="Row",
    figure="Figure",
    before="Before",
    now="Now",
    change="Change",
    earlier="Earlier",
    of_first="Of the first",
    of_previous="Of the stage before",
    median_time="Median time",
    reached="Reached",
    stage="Stage",
    dashed="dashed: not complete",
    pale="pale: not complete",
    thin="thin: {0}",
    hours_marked="dotted: a day of {0} hours",
    newest="the newest of them",
    better="better",
    worse="worse",
    points="pts",
    files_hold_all="All rows are in the workbook, the CSV and the JSON of this run.",
    without_value="(without)",
    other="(others, counted together)",
    rest="(rest)",
    total="Total",
    granularities={
        "minute": "per minute",
        "five_minutes": "per 5 minutes",
        "quarter_hour": "per quarter of an hour",
        "half_hour": "per half an hour",
        "hour": "per hour",
        "day": "per day",
        "week": "per week",
        "month": "per month",
        "quarter": "per quarter",
        "year": "per year",
    },
    ranges={
        "today": "Today",
        "yesterday": "Yesterday",
        "last_7_days": "Last 7 days",
        "last_28_days": "Last 28 days",
        "last_90_days": "Last 90 days",
        "last_full_week": "Last full week",
        "last_full_month": "Last full month",
        "last_full_quarter": "Last full quarter",
        "last_full_year": "Last full year",
        "week_to_date": "Week to date",
        "month_to_date": "Month to date",
        "quarter_to_date": "Quarter to date",
        "year_to_date": "Year to date",
    },
    months=("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    weekdays=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    titles={},
)
_DE: Final = ReportTexts(
    report="Bericht",
    period="Zeitraum",
    compared_with="Verglichen mit",
    time_zone="Zeitzone",
    organization="Organisation",
    revision="Revision",
    revisions="{0} bis {1}",
    as_of="Datenstand",
    currency="Währung",
    made="Erstellt",
    requested_by="Angefordert von",
    by_schedule="einem Zeitplan von {0}",
    version="Version des Berichts",
    run="Lauf",
    contents="Inhalt",
    definitions="Zu den Zahlen",
    definitions_lead="Was die Zahlen dieses Berichts bedeuten. Eine fehlende Zahl (–) lässt sich nicht berechnen; 0 ist"
    " eine berechnete Null. Definitionen stehen auf Englisch.",
    running="Der Zeitraum ist nicht zu Ende: Es sind die Zahlen bis jetzt.",
    restricted="Beschränkt auf {0} {1}: Alle Zahlen sind von diesem Teil allein.",
    restricted_to={"agent": "Agent", "channel": "Kanal", "team": "Team"},
    page="Seite {0} von {1}",
    absent="–",
    days="{0} Tage",
    one_day="1 Tag",
    refused="Dieser Abschnitt ließ sich nicht beantworten",
    no_rows="Nichts in diesem Zeitraum.",
    more_rows="{0} von {1} Zeilen sind gezeigt.",
    approximate="Höchstens {1} daneben: {0}.",
    lagging="Von einer früheren Revision: {0}.",
    differences="Was sich gegen den früheren Lauf unterscheidet",
    differences_lead="{0} Zahlen unterscheiden sich von denen des Laufs {1} über denselben Zeitraum: spät eingetroffene"
    " Ereignisse, Korrekturen, oder Gespräche, die anders ausgegangen sind.",
    no_differences="Keine Zahl unterscheidet sich von denen des Laufs {0} über denselben Zeitraum.",
    not_comparable="Die Zahlen des Laufs {0} sind nicht mehr da; Unterschiede lassen sich nicht nennen.",
    block="Abschnitt",
    row="Zeile",
    figure="Zahl",
    before="Vorher",
    now="Jetzt",
    change="Änderung",
    earlier="Früher",
    of_first="Von der ersten",
    of_previous="Von der Stufe davor",
    median_time="Zeit, Median",
    reached="Erreicht",
    stage="Stufe",
    dashed="gestrichelt: nicht vollständig",
    pale="blass: nicht vollständig",
    thin="dünn: {0}",
    hours_marked="gepunktet: ein Tag von {0} Stunden",
    newest="die neuesten davon",
    better="besser",
    worse="schlechter",
    points="Punkte",
    files_hold_all="Alle Zeilen stehen in der Arbeitsmappe, den CSV-Dateien und dem JSON dieses Laufs.",
    without_value="(ohne)",
    other="(übrige, zusammen gezählt)",
    rest="(Rest)",
    total="Gesamt",
    granularities={
        "minute": "je Minute",
        "five_minutes": "je 5 Minuten",
        "quarter_hour": "je Viertelstunde",
        "half_hour": "je halbe Stunde",
        "hour": "je Stunde",
        "day": "je Tag",
        "week": "je Woche",
        "month": "je Monat",
        "quarter": "je Quartal",
        "year": "je Jahr",
    },
    ranges={
        "today": "Heute",
        "yesterday": "Gestern",
        "last_7_days": "Letzte 7 Tage",
        "last_28_days": "Letzte 28 Tage",
        "last_90_days": "Letzte 90 Tage",
        "last_full_week": "Letzte volle Woche",
        "last_full_month": "Letzter voller Monat",
        "last_full_quarter": "Letztes volles Quartal",
        "last_full_year": "Letztes volles Jahr",
        "week_to_date": "Woche bis heute",
        "month_to_date": "Monat bis heute",
        "quarter_to_date": "Quartal bis heute",
        "year_to_date": "Jahr bis heute",
    },
    months=("Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez."),
    weekdays=("Mo.", "Di.", "Mi.", "Do.", "Fr.", "Sa.", "So."),
    titles=german_titles.TITLES,
)
_BY_LOCALE: Final = {"en": _EN, "de": _DE}


def of(locale: str) -> ReportTexts:
    """Returns the words of a language."""
    return _BY_LOCALE[locale]
