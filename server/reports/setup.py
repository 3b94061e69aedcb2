"""The parts of reports as the operator has set them up."""

from collections.abc import Callable

from server.admission.query_slots import QuerySlots
from server.clock import Clock
from server.reports.blocks import ReportAnswers
from server.reports.object_store import ObjectStore
from server.reports.runs import ReportRuns
from server.reports.saved import SavedReports
from server.reports.timetables import ReportTimetables
from server.settings import Settings
from server.store.database import Database
from server.tenancy.keyed_hashes import KeyedHashes


def of_servers(
    known: Settings,
    database: Database,
    hashes: KeyedHashes,
    slots: QuerySlots,
    clock: Clock,
    questions: ReportAnswers,
    *,
    on_task: Callable[[], None],
) -> tuple[SavedReports, ReportRuns, ReportTimetables]:
    """Returns what a server shows of reports. on_task is called once a task is queued."""
    runs = ReportRuns(database, slots, clock, questions, ObjectStore(known.reports_url), hashes, on_queued=on_task)
    return SavedReports(database, slots), runs, ReportTimetables(database, slots, clock, runs, questions)
