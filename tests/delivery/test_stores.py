"""Object stores: files below a folder of the organization, one set however often a try is made."""

import dataclasses
import json
import pathlib

import pytest

from server import errors
from server.delivery import stores
from server.delivery.stores import NoFile, NotWritten, StoredFiles, Stores
from server.organizations.delivery import DeliveryState, Outcome
from server.organizations.reports import RunAttempt
from server.reports.object_store import ObjectStore
from server.store.database import Database
from tests.delivery import delivering
from tests.support import receivers


def written(folder: pathlib.Path) -> dict[str, bytes]:
    """The files below a folder, by their paths."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_files_are_written_below_the_organizations_own_folder(
    database: Database, organization: int, tmp_path: pathlib.Path
) -> None:
    house = delivering.house(database, organization, stores={"archive": tmp_path.as_uri()})
    names = ("overview.pdf", "../../evil.csv", "..")
    files = [house.files.attachment(name, name.encode()) for name in names]
    await house.destination("archive", store="archive", folder="reports/weekly")
    await house.queue(["archive"], dataclasses.replace(delivering.REPORT, attachments=files))
    assert await house.deliver() == [{"outcome": "delivered", "status": 0}]
    delivery, (attempt,) = await house.one()
    found = written(tmp_path)
    assert attempt.answer.startswith(f"organization-{organization}/reports/weekly/")
    assert all(path.startswith(f"{attempt.answer}/") for path in found)
    by_name = {path.rpartition("/")[2]: content for path, content in found.items()}
    told = json.loads(by_name.pop("message.json"))
    assert (told["title"], [one["name"] for one in told["files"]]) == ("Weekly overview", list(names))
    assert by_name == {
        "overview.pdf": b"overview.pdf",
        ".._.._evil.csv": b"../../evil.csv",
        "file2": b"..",
    }
    assert delivery.state is DeliveryState.DELIVERED


async def test_a_store_that_does_not_take_it_is_tried_again(
    database: Database, organization: int, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "taken").write_text("no folder")
    house = delivering.house(database, organization, stores={"archive": (tmp_path / "taken").as_uri()})
    await house.destination("archive", store="archive")
    await house.queue(["archive"])
    await house.deliver()
    delivery, (attempt,) = await house.one()
    assert (delivery.state, attempt.outcome) == (DeliveryState.QUEUED, Outcome.FAILED)
    assert attempt.error.startswith("the store has not taken")


async def test_files_of_messages_are_read_part_by_part(tmp_path: pathlib.Path) -> None:
    await Stores({"reports": tmp_path.as_uri()}).write("reports", "runs/1/a.pdf", b"0123456789")
    files = StoredFiles(tmp_path.as_uri())
    assert [await files.read("runs/1/a.pdf", start, 4) for start in (0, 4, 8)] == [b"0123", b"4567", b"89"]
    with pytest.raises(NoFile):
        await files.read("runs/1/none.pdf", 0, 4)


async def test_a_store_that_is_named_no_more_is_told() -> None:
    with pytest.raises(NotWritten, match="there is no store gone any more"):
        await Stores({}).write("gone", "a", b"")


@pytest.mark.parametrize("text", ["archive", "archive=", "archive=bucket", "Archive=s3://a", "=s3://a"])
def test_a_setting_that_names_no_store_is_refused(text: str) -> None:
    with pytest.raises(errors.SetupError, match="TALLYWIRE_DELIVERY_STORES"):
        stores.named(text)


def test_stores_have_names() -> None:
    assert stores.named(None) == {}
    assert stores.named("archive=s3://bucket/path, lake=gs://b") == {"archive": "s3://bucket/path", "lake": "gs://b"}


async def test_a_bucket_on_ones_own_network_is_reached_without_tls_where_the_environment_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The environment is that of the tools of the cloud: nothing else is to be set."""
    run = RunAttempt(organization_id=1, run_id=2, attempt=3)
    async with receivers.hook() as bucket:
        bucket.headers = [("ETag", '"1"')]
        for name, value in {
            "ACCESS_KEY_ID": "a",
            "SECRET_ACCESS_KEY": "b",
            "REGION": "eu-central-1",
            "ENDPOINT_URL": f"http://127.0.0.1:{bucket.port}",
            "ALLOW_HTTP": "true",
        }.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        store = ObjectStore("s3://bucket/reports")
        key = await store.put("0f8fad5b-d9cb-469f-a165-70867728950e", run, "report.json", b"{}")
        await Stores({"archive": "s3://bucket/archive"}).write("archive", "organization-1/a.pdf", b"x")
        assert [one.body for one in bucket.calls] == ["{}", "x"]
        assert "AWS4-HMAC-SHA256" in bucket.calls[0].headers["authorization"]
        bucket.status = 404
        with pytest.raises(errors.StorageUnavailable, match="s3://bucket/reports is not there"):
            await store.put("0f8fad5b-d9cb-469f-a165-70867728950e", run, "report.json", b"{}")
        with pytest.raises(FileNotFoundError):
            await store.read(key)
