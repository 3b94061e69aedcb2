"""Content gaps that an erased person has asked about: the questions go, and the alias counts in place of the id."""

import dataclasses

from server.events.content_gap import GapExamples, digest
from server.privacy import raw_events
from server.projections import content_gaps as projection
from server.projections.content_gaps import ContentGapTopics
from server.store import content_gaps as stored
from server.store import organizations, projections
from server.store.database import Driver
from server.store.erased_users import Erasure
from server.store.projections import Rows

_REMOVED_AT_ONCE = 5_000


async def make_anew(driver: Driver, erasure: Erasure) -> tuple[Erasure, bool]:
    """Makes the topics anew that the person has asked about, from raw events, which do not name the person any more;
    what is known of times whose raw events are gone loses the person's questions. There is no more of that part.
    """
    locked = await projections.lock(driver, erasure.organization_id, ContentGapTopics.name)
    if locked is None:
        return erasure, False
    await organizations.hold(driver, erasure.organization_id)  # raw events stay while topics are made of them
    filled = [(locked.rows, locked.position)]
    if locked.rebuilt is not None:
        filled.append((locked.rebuilt.rows, locked.rebuilt.position))
    elif await ContentGapTopics().remove_others(driver, locked.rows, locked.latest_version, _REMOVED_AT_ONCE):
        return erasure, True
    for rows, position in filled:
        topics = await stored.naming(driver, rows, digest(str(erasure.user_id)))
        if topics:
            await projection.make_anew(driver, rows, topics, position.revision)
            await _forget(driver, rows, topics, erasure)
            erasure = raw_events.touched(erasure, stored.PROJECTION, len(topics))
    return erasure, False


async def _forget(driver: Driver, rows: Rows, topics: set[str], erasure: Erasure) -> None:
    """Takes the person out of what is left of times whose raw events are gone."""
    user, alias = digest(str(erasure.user_id)), digest(erasure.alias)
    left: dict[str, GapExamples] = {}
    for topic, known in (await stored.load(driver, rows, topics)).items():
        if user in known.users or any(one.user == user for one in known.questions.values()):
            questions = {question: one for question, one in known.questions.items() if one.user != user}
            users = frozenset(alias if one == user else one for one in known.users)
            left[topic] = dataclasses.replace(known, questions=questions, users=users)
    if left:
        await stored.save(driver, rows, left, {})
