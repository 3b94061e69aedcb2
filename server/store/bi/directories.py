"""The views that are no figures: the organization, how new what is read is, agents, users, campaigns, conversations and
leads one by one, and the cost of models.
"""

from collections.abc import Mapping, Sequence

from server.catalog import dimensions, registry
from server.catalog.cells import OTHER
from server.catalog.conversation_lists import ConversationOrder
from server.events import erased
from server.events.agent_profile import AgentKind
from server.events.lead import LeadOutcome
from server.events.outcomes import ClosingKind
from server.store import conversation_lists, leads, projections
from server.store.bi import figures, rows
from server.store.bi.views import DAY, BiColumn, BiView, literal

_ME = f"{rows.ORGANIZATION} AS me"


# A value and not a join: a scan of a table must have no condition of a reader without that for the organization beside
# it, since EXPLAIN ANALYZE tells how many rows each scan has found.
_MINE = f"(SELECT mine.organization_id FROM {rows.ORGANIZATION} AS mine)"  # noqa: S608 - constants of the code


def _of_projection(table: str, projection: str) -> str:
    version = projections.VERSION.format(projection).replace("$1", _MINE)
    return f"{_ME} JOIN {table} AS n ON n.organization_id = {_MINE} AND n.version = {version}"


def _view(name: str, comment: str, source: str, columns: Mapping[str, tuple[str, str]]) -> BiView:
    made = [BiColumn(name=column, sql=sql, comment=text) for column, (sql, text) in columns.items()]
    return BiView(name=name, comment=comment, columns=made, source=source)


def _named(sql: str, names: Mapping[int, str]) -> str:
    cases = " ".join(f"WHEN {number} THEN '{name}'" for number, name in names.items())
    return f"CASE {sql} {cases} END"


def _text(column: str) -> str:
    """Returns SQL for a text, absent where it is empty.

    Conditions for the column itself would be estimated by its statistics, which are of all organizations, and EXPLAIN
    tells estimates: the ids of others could be found by halving. Of an expression the planner knows nothing.
    """
    return f"nullif(n.{column}, '')"


def _amount(column: str) -> str:
    """Returns SQL for a number, of which the planner knows nothing either."""
    return f"n.{column} + 0"


def _user(column: str) -> str:
    alias = literal(erased.ALIAS)
    return f"CASE WHEN starts_with(n.{column}, {alias}) THEN '{erased.SHOWN}' ELSE nullif(n.{column}, '') END"


_ORGANIZATION = _view(
    "organization",
    "The organization whose login reads: one row.",
    _ME,
    {
        "organization_id": ("me.organization_id", "Its number."),
        "name": ("me.name", "Its name."),
        "time_zone": ("me.time_zone", "The IANA time zone of its days."),
        "week_start": ("me.week_start", "The day on which its weeks begin."),
        "currency": ("me.currency", "The currency of its costs."),
    },
)
_FRESHNESS = _view(
    "freshness",
    "How new figures are: a row for what events tell at once, and one for each projection, which workers keep up.",
    f"""{_ME} JOIN revisions AS r ON r.organization_id = me.organization_id CROSS JOIN LATERAL (
        SELECT 'events' AS name, r.revision, r.revised_at, NULL::bigint AS failed_revision
        UNION ALL
        SELECT p.name, p.revision, p.revised_at, p.failed_revision FROM projections AS p
        WHERE p.organization_id = me.organization_id
    ) AS p""",  # noqa: S608 - constants of this file
    {
        "source": ("p.name", "events, or the projection: conversations, leads, agents, users …"),
        "revision": ("p.revision", "The revision up to which its figures have seen everything."),
        "revised_at": ("p.revised_at", "When that revision was made."),
        "revisions_behind": ("r.revision - p.revision", "How many revisions are newer. 0: it is up to date."),
        "has_failed": ("p.failed_revision IS NOT NULL", "Whether it has stopped; operators see why."),
    },
)
_AGENTS = _view(
    "agents",
    "Agents, as their events describe them.",
    _of_projection("agents", "agents"),
    {
        "agent_id": (_text("agent_id"), "The agent, as on its events."),
        "name": (_text("name"), "What people call it."),
        "kind": (_named("n.kind", {AgentKind.AI: "ai", AgentKind.HUMAN: "human"}), "ai or human, if that was told."),
        "agent_version": (_text("agent_version"), "The version that was told last."),
        "team_id": (_text("team_id"), "The team that was told last."),
        "first_seen_at": ("n.first_seen_at", "The time of its first event."),
        "last_seen_at": ("n.last_seen_at", "The time of its last event."),
        "is_deleted": (
            "n.deleted_at IS NOT NULL AND coalesce(n.created_at <= n.deleted_at, true)",
            "Whether it was deleted, and not created again.",
        ),
    },
)
_USERS = _view(
    "users",
    f"Users, as their events describe them. People who were erased are all called {erased.SHOWN}.",
    _of_projection("users", "users"),
    {
        "user_id": (_user("user_id"), "The user, as on the events; pseudonyms in place of e-mail addresses."),
        "name": (
            "CASE WHEN me.keep_user_details THEN nullif(n.name, '') END",
            "The name, if the organization keeps details of users.",
        ),
        "first_seen_at": ("n.first_seen_at", "The time of the first event."),
        "first_seen_on": (rows.day_of("n.first_seen_at"), "The day of it, in the organization's time zone."),
        "last_seen_at": ("n.last_seen_at", "The time of the last event."),
    },
)
_CAMPAIGNS = _view(
    "campaigns",
    "Campaigns, as their events describe them.",
    _of_projection("campaigns", "leads"),
    {
        "campaign_id": (_text("campaign_id"), "The campaign, as on the events."),
        "name": (_text("name"), "What people call it."),
        "started_at": ("n.started_at", "When it began first."),
        "ended_at": (
            "CASE WHEN n.last_started_at > n.ended_at THEN NULL ELSE n.ended_at END",
            "When it ended, unless it began again.",
        ),
        "first_seen_at": ("n.first_seen_at", "The time of its first event."),
        "last_seen_at": ("n.last_seen_at", "The time of its last event."),
    },
)
_OUTCOMES = {one.value: one.name.lower() for one in ClosingKind if one is not ClosingKind.REOPENED}
_NUMBERS = conversation_lists.NUMBERS
_CONVERSATIONS = _view(
    "conversations",
    "Conversations one by one, as GetConversation tells of them.",
    _of_projection("conversations", "conversations"),
    {
        "conversation_id": (_text("conversation_id"), "The conversation, as on its events."),
        "began_at": ("n.began_at", "Its earliest conversation.started, or its first event."),
        "began_on": (rows.day_of("n.began_at"), "The day of that, in the organization's time zone."),
        "closed_at": ("n.closed_at", "When it was closed for its agent. NULL: it is not."),
        "closed_on": (rows.day_of("n.closed_at"), "The day of that, in the organization's time zone."),
        "last_activity_at": ("n.latest_at", "When somebody spoke last, or started, closed or reopened it."),
        "outcome": (_named("n.outcome", _OUTCOMES), "resolved, escalated, abandoned or ended. NULL: it is not closed."),
        "phase": (
            _named(conversation_lists.PHASE.format("n"), {1: "open", 2: "with_human", 3: "closed"}),
            "open; with_human: a human took over; closed.",
        ),
        "agent_id": (_text("latest_agent_id"), "The agent that was named last."),
        "channel": (_text("latest_channel"), "The channel that was named last."),
        "team_id": (_text("latest_team_id"), "The team that was named last."),
        "user_id": (_user("latest_user_id"), "The user that was named last."),
        "topic": (_text("topic"), "The topic that was told last."),
        "handoff_reason": (_text("handoff_reason"), "Why a human took over."),
        "began_agent_id": (_text("began_agent_id"), "The agent for whom it counts where it began."),
        "closed_agent_id": (_text("agent_id"), "The agent for whom its outcome counts."),
        "closed_channel": (_text("channel"), "The channel for which its outcome counts."),
        "closed_team_id": (_text("team_id"), "The team for which its outcome counts."),
        "messages": (_amount("messages"), "Messages that were received and sent in it."),
        "events": (_amount("events"), "Its events, of any type."),
        "tokens": (_amount("tokens"), "Tokens that models read and wrote for it."),
        "cost_micros": (_amount("cost_micros"), "Its recorded cost, in millionths of the organization's currency."),
        "duration_ms": (_NUMBERS[ConversationOrder.DURATION], "From its beginning to its closing, in milliseconds."),
        "first_response_ms": (
            _NUMBERS[ConversationOrder.FIRST_RESPONSE],
            "From its beginning to the first message sent.",
        ),
        "first_human_response_ms": (
            _NUMBERS[ConversationOrder.FIRST_HUMAN_RESPONSE],
            "From its beginning to a human's first message.",
        ),
        "human_wait_ms": (
            _NUMBERS[ConversationOrder.HUMAN_WAIT],
            "From the hand-over to a human's first message after it.",
        ),
        "reopenings": ("n.reopenings", "How often it was reopened."),
        "rating": ("n.rating", "The rating that was told last, 1 to 5."),
        "quality": ("n.quality / 10000.0::double precision", "The overall score that was told last, 0 to 1."),
        "quality_rubric": (_text("quality_rubric"), "The rubric of that score."),
        "content_gaps": ("n.content_gaps", "Content gaps that were found in it."),
    },
)
_LEAD_OUTCOMES: Mapping[int, str] = {
    LeadOutcome.OPEN: "open",
    LeadOutcome.CONVERTED: "converted",
    LeadOutcome.LOST: "lost",
}
_LEADS = _view(
    "leads",
    "Leads one by one.",
    _of_projection("leads", "leads"),
    {
        "lead_id": (_text("lead_id"), "The lead, as on its events."),
        "began_at": ("n.began_at", "Its creation, or its first event."),
        "began_on": (rows.day_of("n.began_at"), "The day of that, in the organization's time zone."),
        "outcome": (_named(f"({leads.OUTCOME})", _LEAD_OUTCOMES), "open, converted or lost."),
        "stage": (_text("stage"), "The stage that it entered last."),
        "contacted_at": ("n.contacted_at", "When it was contacted first."),
        "converted_at": ("n.converted_at", "When it was converted first."),
        "lost_at": ("n.lost_at", "When it was lost last."),
        "value_micros": (_amount("value_micros"), "Its newest value, in millionths of its currency."),
        "currency": (_text("currency"), "The currency of its value, as it is counted."),
        "agent_id": (_text("agent_id"), "The agent for whom it counts."),
        "latest_agent_id": (_text("latest_agent_id"), "The agent that was named last."),
        "channel": (_text("channel"), "The channel for which it counts."),
        "team_id": (_text("team_id"), "The team for which it counts."),
        "campaign_id": (_text("campaign_id"), "The campaign for which it counts."),
    },
)
_COSTED = ("model_calls", "prompt_tokens", "cached_tokens", "completion_tokens", "token_usage", "cost_micros")
_UNCOSTED = ("uncosted_prompt_tokens", "uncosted_cached_tokens", "uncosted_completion_tokens")
_ESTIMATE = (
    "((f.uncosted_prompt_tokens - cached.tokens)::numeric * p.prompt_micros + cached.tokens::numeric * p.cached_micros"
    " + f.uncosted_completion_tokens::numeric * p.completion_micros) / 1000000"
)


def _costs() -> BiView:
    """Returns the view of models: what was recorded, and what the rest costs by the price list of each day."""
    known = [(name, registry.METRICS[name]) for name in (*_COSTED, *_UNCOSTED)]
    computed = ", ".join(f"({figures.expression(one)})::{figures.type_of(one)} AS {name}" for name, one in known)
    source = f"""(
        SELECT r.day, r.value AS model, {computed}
        FROM ({rows.daily(rows.of(dimensions.MODEL.number))}) AS r GROUP BY r.day, r.value
    ) AS f CROSS JOIN LATERAL (
        SELECT least(f.uncosted_cached_tokens, f.uncosted_prompt_tokens) AS tokens
    ) AS cached LEFT JOIN LATERAL (
        SELECT p.* FROM model_prices AS p
        WHERE p.organization_id = {_MINE} AND p.model = f.model AND f.model <> '{OTHER}' AND p.effective_from <= f.day
        ORDER BY p.effective_from DESC LIMIT 1
    ) AS p ON true"""  # noqa: S608 - constants of the code
    columns = [
        BiColumn(name=DAY.name, sql="f.day", comment=DAY.comment),
        BiColumn(name="model", sql="f.model", comment=f"{dimensions.MODEL.description} _other: beyond the limit."),
        *(BiColumn(name=name, sql=f"f.{name}", comment=f"{one.title}. {one.description}") for name, one in known),
        BiColumn(
            name="unpriced_tokens",
            sql="CASE WHEN p.model IS NULL THEN f.uncosted_prompt_tokens + f.uncosted_completion_tokens ELSE 0 END",
            comment="Tokens of messages without a recorded cost that the price list has no price for on that day.",
        ),
        BiColumn(
            name="estimated_cost_micros",
            sql=f"coalesce({_ESTIMATE}, 0)",
            comment="What messages without a recorded cost cost by the price list, not rounded, in millionths.",
        ),
    ]
    return BiView(
        name="model_costs_daily",
        comment="Tokens and costs of each model by day: recorded ones, and estimates by the price list for the rest.",
        columns=columns,
        source=source,
    )


DIRECTORIES: Sequence[BiView] = (
    *(_ORGANIZATION, _FRESHNESS, _AGENTS, _USERS, _CAMPAIGNS, _CONVERSATIONS, _LEADS, _costs()),
)
