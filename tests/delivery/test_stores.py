"""Object stores: files below a folder of the organization, one set however often a try is made."""

import dataclasses
import json
import pathlib

import pytest

from server import errors
from server.delivery import stores
from server.delivery.stores import NoFile, NotWritten, StoredFiles, Stores
from server.organizations.delivery import DeliveryState, Outcome
from server.store.database import Database
from tests.delivery import delivering


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
