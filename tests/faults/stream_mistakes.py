"""Mistakes in what subscribers are told."""

from collections.abc import Mapping

from tests.faults.mistakes import MISTAKES, Edit, Mistake

_GAPS = frozenset(("stream gap", "stream repeats", "stream out of order", "resumed elsewhere"))

STREAM_MISTAKES: Mapping[str, Mistake] = {
    "resume-skips-one": Mistake(
        edits=(
            Edit(
                path="server/realtime/hub.py",
                old="        return resumed.revision\n",
                new="        return min(resumed.revision + 1, as_of.revision)\n",
            ),
        ),
        checks=_GAPS,
    ),
    "resume-repeats-one": Mistake(
        edits=(
            Edit(
                path="server/realtime/hub.py",
                old="        return resumed.revision\n",
                new="        return max(resumed.revision - 1, 0)\n",
            ),
        ),
        checks=_GAPS,
    ),
    "bookmark-ahead": Mistake(
        edits=(
            Edit(
                path="server/rpc/realtime_service.py",
                old="bookmark(stream.revision, stream.tokens.after(stream.revision))",
                new="bookmark(stream.revision, stream.tokens.after(hub.revision))",
            ),
        ),
        checks=_GAPS,
    ),
    # Numbers in another order than that of commits: what commits late stays behind the watermark.
    "watermark-in-stream": Mistake(
        edits=(
            *MISTAKES["revision-taken-ahead"].edits,
            Edit(
                path="server/realtime/hub.py",
                old="    return [one for number, one in enumerate(found, revision + 1) if one.revision == number]\n",
                new="    return list(found)\n",
            ),
        ),
        checks=_GAPS,
    ),
    "update-without-first-events": Mistake(
        edits=(
            Edit(path="server/store/updates.py", old="AND revision >= :first AND", new="AND revision > :first AND"),
        ),
        checks=frozenset(("update not whole",)),
    ),
    "hub-without-organization": Mistake(
        edits=(
            Edit(
                path="server/realtime/hubs.py",
                old="        entry = self._entries.get(organization_id)\n",
                new="        entry = next(iter(self._entries.values()), None)\n",
            ),
        ),
        checks=frozenset(("update not whole", "table of updates", *_GAPS)),
    ),
    # Whoever drops a stream stays a subscriber until something is sent to it.
    "cancellation-swallowed-in-stream": Mistake(
        edits=(
            Edit(
                path="server/broadcast.py",
                old="""\
            await waiter
        finally:
""",
                new="""\
            await waiter
        except asyncio.CancelledError:
            pass
        finally:
""",
            ),
        ),
        checks=frozenset(("resources", "end")),
    ),
    "state-without-organization": Mistake(
        edits=(
            Edit(
                path="server/realtime/notifications.py",
                old="{{{organization_id}}}:realtime:{self.epoch}:{digest}",
                new="realtime:{self.epoch}:{digest}",
            ),
        ),
        checks=frozenset(("figures of now",)),
    ),
}
