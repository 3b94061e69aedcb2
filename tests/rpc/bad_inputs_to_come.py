"""Rows that are not run, each with its reason: what they are about is not there, or cannot be said in the contract."""

from collections.abc import Mapping


def _rows(reason: str, family: str, numbers: str) -> dict[str, str]:
    """Numbers of a family, single or from-to; those that the table does not have are no harm."""
    found: dict[str, str] = {}
    for part in numbers.split():
        first, _, last = part.partition("-")
        found |= {f"{family}-{number:03}": reason for number in range(int(first), int(last or first) + 1)}
    return found


CANDIDATES: Mapping[str, str] = {
    **_rows("keys have no test mode", "I", "18"),
    **_rows("keys are not bound to event types", "I", "21"),
    **_rows("to come: JSON Web Tokens", "I", "31-75"),
    **_rows("to come: alerts", "I", "83"),
    **_rows("see tests/tenancy/test_other_organizations.py", "I", "84"),
    **_rows("not in the contract: events have no value, and money is whole micros", "E", "49 59"),
    **_rows("not in the contract: a rating is an integer", "E", "58"),
    **_rows("not in the contract: producers have no epochs", "S", "8"),
    **_rows("to come: JSON Web Tokens", "S", "29"),
    **_rows("about a client that loses its server: see the tests of the client and of faults", "S", "33"),
    **_rows("not in the contract: no client streaming", "S", "40 41"),
    **_rows("about subscriptions over time and through outages: see tests/realtime", "S", "52 69-71 76-83"),
    **_rows("not in the contract: a subscription begins now or after a token", "S", "54-56"),
    **_rows("not in the contract: a subscription is to all metrics, in one mode", "S", "57-60 68"),
    **_rows("not in the contract: an unknown agent in the filter of a subscription gives zeros", "S", "61 62"),
    **_rows("not in the contract: a filter is a typed field, without operators", "Q", "53-55 58-60"),
    **_rows("not in the contract: percentiles are metrics of their own", "Q", "71"),
    **_rows("to come: questions at least as fresh as a revision", "Q", "84"),
    **_rows("not in the contract: no field mask", "Q", "87"),
    **_rows("no answer is cached in Redis", "Q", "92"),
    **_rows("not in the contract: a report without formats becomes a PDF", "R", "17"),
    **_rows(
        "not in the contract: no columns; figures that there are not see tests/reports/test_again.py", "R", "19-24"
    ),
    **_rows("see tests/exports/test_export_service.py: two exports of an organization at once", "R", "30"),
    **_rows("about cells: see tests/unit/test_export_formats.py and tests/reports/test_injection.py", "R", "36-53"),
    **_rows("further rows go on in another sheet: see tests/unit/test_export_formats.py", "R", "54"),
    **_rows("not in the contract: JSON is no page, and its integers are exact numbers", "R", "56 57"),
    **_rows("about schedules over time: see tests/reports/test_timetables.py", "R", "64 66 67"),
    **_rows("about links that expire: see tests/delivery/test_delivery_service.py", "R", "76"),
    **_rows("about workers that die and full disks: see tests/reports", "R", "83-86"),
    **_rows("about receivers of webhooks: see tests/delivery/test_webhooks.py", "H", "43 46-57"),
    **_rows("not in the contract: the service makes secrets", "H", "60 61"),
    **_rows("not in the contract: no headers of one's own", "H", "62 63"),
    **_rows("to come: alerts", "H", "67-93"),
}
