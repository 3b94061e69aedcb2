"""MetricsService: small worlds whose figures can be worked out by hand, asked for by every road there is."""

from collections.abc import Collection, Mapping, Sequence

import pytest

from server.catalog import figures, metrics, registry
from server.query import overview
from server.rollups import fold
from server.store.database import Database
from tallywire.v1 import conversation_metrics_pb2, event_pb2, time_pb2
from tests.support.serving import Caller
from tests.support.tiny_worlds import PART, THE_DAY, Figure, by_field, closing, e, presence, sent, stored_bytes

CONVERSATION = [
    e("conversation.started", 0, conversation_id="c", user_id="u1"),
    e("message.received", 1, conversation_id="c", user_id="u1"),
    sent(2, "c", response_time_ms=10, prompt_tokens=10, completion_tokens=5, cached_tokens=4, cost_micros=200),
    sent(3, "c", response_time_ms=20, failed=True, fallback=True, knowledge_hit=True, cost_micros=100),
    sent(4, "c", failed=False),
    sent(5, "c", response_time_ms=0),
    e("conversation.resolved", 6, conversation_id="c", user_id="u2"),
]

MINUTE = 60_000  # milliseconds
OUTBOUND = event_pb2.CallDetail(direction=event_pb2.CALL_DIRECTION_OUTBOUND)


def distributed(**values: float) -> dict[str, Figure]:
    """The percentiles of measures each of which has one value."""
    return {f"p{percent}_{name}": value for name, value in values.items() for percent in (50, 90, 95, 99)}


# A world is events and the figures that they must give. Every metric of the catalogue stands in one at least.
WORLDS: Mapping[str, tuple[Sequence[event_pb2.Event], Mapping[str, Figure]]] = {
    "a conversation": (
        CONVERSATION,
        {
            "events": 7,
            "total_conversations": 1,
            "conversation_count": 1,
            "messages_received": 1,
            "messages_sent": 4,
            "total_messages": 5,
            "message_count": 5,
            "failed_messages": 1,
            "fallback_messages": 1,
            "knowledge_messages": 1,
            "error_rate": 1 / 4,
            "success_rate": 3 / 4,
            "fallback_rate": 1 / 4,
            "knowledge_hit_rate": 1 / 4,
            "response_time_sum_ms": 30,
            "response_time_count": 3,
            "avg_response_time_ms": 10,
            "p50_response_time_ms": 10,
            "p90_response_time_ms": 18,
            "p95_response_time_ms": 19,
            "p99_response_time_ms": 19.8,
            "prompt_tokens": 10,
            "avg_prompt_tokens_per_message": 10,
            "p50_prompt_tokens": 10,
            "p95_prompt_tokens": 10,
            "p99_prompt_tokens": 10,
            "completion_tokens": 5,
            "avg_completion_tokens_per_message": 5,
            "p50_completion_tokens": 5,
            "p95_completion_tokens": 5,
            "p99_completion_tokens": 5,
            "cached_tokens": 4,
            "token_usage": 15,
            "cost_micros": 300,
            "cost_per_conversation_micros": 300,
            "cost_per_user_micros": 150,
            "unique_users": 2,
            "active_agents": 1,
            "conversations_resolved": 1,
            "conversations_closed": 1,
            "closed_conversation_messages": 5,
            "avg_messages_per_conversation": 5,
            "resolution_rate": 1,
            "open_conversations": 0,
            "closed_conversation_cost_micros": 300,
            "avg_closed_conversation_cost_micros": 300,
            "cost_per_resolved_conversation_micros": 300,
            "closed_conversation_tokens": 15,
            "avg_closed_conversation_tokens": 15,
            "started_conversation_cost_micros": 300,
            "avg_started_conversation_cost_micros": 300,
            "cost_per_started_resolved_conversation_micros": 300,
            "started_conversation_tokens": 15,
            "avg_started_conversation_tokens": 15,
            **distributed(closed_conversation_cost_micros=300, closed_conversation_tokens=15),
            **distributed(started_conversation_cost_micros=300, started_conversation_tokens=15),
        },
    ),
    "response times that are all the same": (
        [sent(minute, response_time_ms=3000) for minute in range(50)],
        {
            "response_time_count": 50,
            "avg_response_time_ms": 3000,
            "p50_response_time_ms": 3000,
            "p90_response_time_ms": 3000,
            "p95_response_time_ms": 3000,
            "p99_response_time_ms": 3000,
        },
    ),
    "first tokens": (
        [
            sent(0, time_to_first_token_ms=10),
            sent(1, time_to_first_token_ms=30, by_human=False),
            sent(2, by_human=True),
        ],
        {
            "time_to_first_token_ms": 40,
            "avg_time_to_first_token_ms": 20,
            "p50_time_to_first_token_ms": 20,
            "p90_time_to_first_token_ms": 28,
            "p95_time_to_first_token_ms": 29,
            "p99_time_to_first_token_ms": 29.8,
            "human_messages_sent": 1,
            "messages_sent": 3,
        },
    ),
    "a turn that called tools": (
        [
            e(
                "model.called",
                conversation_id="c1",
                message=event_pb2.MessageDetail(
                    model="m", prompt_tokens=7, cached_tokens=2, completion_tokens=3, cost_micros=40, response_time_ms=9
                ),
            ),
            e("conversation.resolved", 1, conversation_id="c1"),
        ],
        {
            "model_calls": 1,
            "events": 2,
            "total_messages": 0,
            "response_time_count": 0,
            "prompt_tokens": 7,
            "cached_tokens": 2,
            "completion_tokens": 3,
            "token_usage": 10,
            "cost_micros": 40,
            "closed_conversation_messages": 0,
            "closed_conversation_tokens": 10,
            "closed_conversation_cost_micros": 40,
        },
    ),
    "nothing but an agent": (
        [e("agent.created")],
        {
            "events": 1,
            "messages_sent": 0,
            "total_messages": 0,
            "unique_users": 0,
            "active_agents": 0,
            "token_usage": 0,
            "rating_count": 0,
            "conversations_closed": 0,
            "error_rate": None,
            "success_rate": None,
            "avg_response_time_ms": None,
            "p50_response_time_ms": None,
            "p99_response_time_ms": None,
            "satisfaction_score": None,
            "resolution_rate": None,
            "ended_rate": None,
            "avg_messages_per_conversation": None,
            "fallback_rate": None,
            "knowledge_hit_rate": None,
            "cost_per_conversation_micros": None,
            "avg_handle_time_ms": None,
            "avg_wait_ms": None,
            "conversion_rate": None,
            "storage_used_bytes": 0,
            "available_time_ms": None,
            "occupancy": None,
            "messages_change": None,
            "agents_created": 1,
            "custom_events": 0,
            "call_abandonment_rate": None,
            "longest_wait_ms": None,
            "api_error_rate": None,
            "workflow_failure_rate": None,
            "avg_content_gap_confidence": None,
            "p50_handle_time_ms": None,
        },
    ),
    "ratings": (
        [e("feedback.submitted", feedback=event_pb2.FeedbackDetail(rating=rating)) for rating in (4, 5, 5)]
        + [e("feedback.submitted", feedback=event_pb2.FeedbackDetail(comment_length=3))],
        {"rating_sum": 14, "rating_count": 3, "satisfaction_score": 14 / 3, "comments": 1},
    ),
    "calls of interfaces": (
        [
            e("api.called", api=event_pb2.ApiDetail(request_bytes=100, response_bytes=5000, status_code=200)),
            e("api.called", api=event_pb2.ApiDetail(response_bytes=1, status_code=499, latency_ms=10)),
            e("api.called", api=event_pb2.ApiDetail(status_code=400, latency_ms=10)),
            e("api.called", api=event_pb2.ApiDetail(status_code=500, latency_ms=40)),
            e("api.called"),
        ],
        {
            "api_calls": 5,
            "api_request_bytes": 100,
            "api_response_bytes": 5001,
            "api_errors": 1,
            "api_client_errors": 2,
            "api_error_rate": 1 / 5,
            "api_client_error_rate": 2 / 5,
            "api_latency_ms": 60,
            "avg_api_latency_ms": 20,
            "p50_api_latency_ms": 10,
            "p90_api_latency_ms": 34,
            "p95_api_latency_ms": 37,
            "p99_api_latency_ms": 39.4,
        },
    ),
    "storage": (
        [stored_bytes(1000), stored_bytes(500, event_pb2.STORAGE_KIND_UPLOAD), stored_bytes(-200)],
        {"storage_change_bytes": 1300, "storage_used_bytes": 1300},
    ),
    "workflows": (
        [
            e("workflow.executed", workflow=event_pb2.WorkflowDetail(duration_ms=10)),
            e("workflow.executed"),
            e("workflow.failed", workflow=event_pb2.WorkflowDetail(duration_ms=30)),
            e("workflow.created", workflow=event_pb2.WorkflowDetail(duration_ms=5)),
        ],
        {
            "workflows_created": 1,
            "workflow_executions": 2,
            "workflow_failures": 1,
            "workflow_failure_rate": 1 / 3,
            "workflow_duration_ms": 40,
            "avg_workflow_duration_ms": 20,
            "p50_workflow_duration_ms": 20,
            "p95_workflow_duration_ms": 29,
        },
    ),
    "outcomes": (
        [
            *closing("c1", "resolved", "escalated"),
            *closing("c2", "ended", "resolved"),
            *closing("c3", "abandoned"),
            *closing("c4", "ended"),
            *closing("c5", "resolved", "reopened"),
            sent(0, "c1"),
            sent(0, "c4"),
            sent(0, "c5"),
        ],
        {
            "conversations_escalated": 1,
            "conversations_resolved": 1,
            "conversations_abandoned": 1,
            "conversations_ended": 1,
            "conversations_closed": 4,
            "escalation_rate": 1 / 4,
            "resolution_rate": 1 / 4,
            "abandonment_rate": 1 / 4,
            "ended_rate": 1 / 4,
            "closed_conversation_messages": 2,
            "p50_closed_conversation_messages": 0.5,
            "avg_messages_per_conversation": 1 / 2,
            "total_conversations": 5,
            "conversations_reopened": 0,
            "reopened_rate": 0,
            "human_resolutions": 0,
            "escalated_conversations_resolved": 0,
            "human_resolution_rate": 0,
            "open_conversations": 2,  # the one that was handed over last, and the one that was reopened
            "started_conversations_escalated": 1,
            "started_conversations_resolved": 1,
            "started_conversations_abandoned": 1,
            "started_conversations_ended": 1,
            "started_conversations_closed": 4,
            "started_escalation_rate": 1 / 4,
            "started_resolution_rate": 1 / 4,
            "started_abandonment_rate": 1 / 4,
            "started_ended_rate": 1 / 4,
            "durable_resolution_rate": 1 / 2,  # one of two was taken back
            "repeat_contact_rate": 0,
            "resolution_events": 3,
            "escalation_events": 1,
            "abandonment_events": 1,
            "ending_events": 2,
            "reopening_events": 1,
        },
    ),
    "a conversation that is told twice, and some that are not told to start": (
        [
            e("conversation.started", 1, conversation_id="c1"),
            e("conversation.started", 2, conversation_id="c1"),
            *(e("message.received", number, conversation_id=f"c{number}") for number in range(2, 9)),
        ],
        {
            "starting_events": 2,
            "total_conversations": 8,
            "conversation_count": 8,
            "first_response_time_ms": 0,
            "p50_first_response_time_ms": None,
        },
    ),
    "a hand-over": (
        [
            e("conversation.started", 0, conversation_id="c"),
            e("message.received", 0, conversation_id="c"),
            sent(1, "c"),
            e("conversation.escalated", 2, conversation_id="c"),
            sent(5, "c", by_human=True),
            sent(6, "c", by_human=True),
            e("conversation.resolved", 10, conversation_id="c"),
        ],
        {
            "total_conversations": 1,
            "conversations_escalated": 1,
            "conversations_resolved": 0,
            "conversations_closed": 1,
            "escalated_conversations_resolved": 1,
            "human_resolutions": 1,
            "human_resolution_rate": 1,
            "first_response_time_ms": MINUTE,
            "avg_first_response_time_ms": MINUTE,
            "first_human_response_time_ms": 5 * MINUTE,
            "avg_first_human_response_time_ms": 5 * MINUTE,
            "human_wait_time_ms": 3 * MINUTE,
            "avg_human_wait_time_ms": 3 * MINUTE,
            "conversation_duration_ms": 2 * MINUTE,
            "avg_conversation_duration_ms": 2 * MINUTE,
            "started_escalated_conversations_resolved": 1,
            "started_human_resolution_rate": 1,
            "started_human_wait_time_ms": 3 * MINUTE,
            "avg_started_human_wait_time_ms": 3 * MINUTE,
            "started_conversation_duration_ms": 2 * MINUTE,
            "avg_started_conversation_duration_ms": 2 * MINUTE,
            "started_conversation_messages": 4,
            "avg_started_conversation_messages": 4,
            "final_resolution_time_ms": 10 * MINUTE,
            "avg_final_resolution_time_ms": 10 * MINUTE,
            "closed_conversation_messages": 4,
            **distributed(
                first_response_time_ms=MINUTE,
                first_human_response_time_ms=5 * MINUTE,
                human_wait_time_ms=3 * MINUTE,
                final_resolution_time_ms=10 * MINUTE,
                conversation_duration_ms=2 * MINUTE,
                closed_conversation_messages=4,
                started_human_wait_time_ms=3 * MINUTE,
                started_conversation_duration_ms=2 * MINUTE,
                started_conversation_messages=4,
            ),
        },
    ),
    "a conversation that is reopened and closed again": (
        closing("c", "ended", "reopened", "resolved"),
        {
            "conversations_resolved": 1,
            "conversations_ended": 0,
            "conversations_reopened": 1,
            "reopened_rate": 1,
            "started_conversations_reopened": 1,
            "started_reopened_rate": 1,
            "reopening_events": 1,
            "ending_events": 1,
            "resolution_events": 1,
        },
    ),
    "telephone": (
        [
            e("call.started"),
            e("call.started", call=event_pb2.CallDetail(direction=event_pb2.CALL_DIRECTION_INBOUND)),
            e("call.started", call=event_pb2.CallDetail(queue="billing")),
            e("call.answered", call=event_pb2.CallDetail(wait_ms=4000)),
            e("call.answered"),
            e("call.abandoned", call=event_pb2.CallDetail(wait_ms=9000)),
            e("call.ended", call=event_pb2.CallDetail(talk_ms=60, hold_ms=50, wrap_up_ms=40)),
            e("call.ended", call=event_pb2.CallDetail(talk_ms=30)),
            e("call.ended"),
        ],
        {
            "calls_offered": 3,
            "calls_answered": 2,
            "calls_abandoned": 1,
            "call_abandonment_rate": 1 / 3,
            "calls_handled": 3,
            "talk_ms": 90,
            "avg_talk_time_ms": 45,
            "p50_talk_time_ms": 45,
            "p90_talk_time_ms": 57,
            "p95_talk_time_ms": 58.5,
            "p99_talk_time_ms": 59.7,
            "hold_ms": 50,
            "avg_hold_time_ms": 50,
            "wrap_up_ms": 40,
            "avg_wrap_up_time_ms": 40,
            "handle_time_ms": 180,
            "avg_handle_time_ms": 60,
            "p50_handle_time_ms": 90,
            "p90_handle_time_ms": 138,
            "p95_handle_time_ms": 144,
            "p99_handle_time_ms": 148.8,
            "wait_ms": 4000,
            "avg_wait_ms": 4000,
            **dict.fromkeys(("p50_wait_ms", "p90_wait_ms", "p95_wait_ms", "p99_wait_ms", "longest_wait_ms"), 4000),
            "abandoned_wait_ms": 9000,
            **dict.fromkeys(("avg_abandoned_wait_ms", "p50_abandoned_wait_ms", "p95_abandoned_wait_ms"), 9000),
            "active_agents": 1,
        },
    ),
    "calls that the organization makes": (
        [
            e("call.started", call=OUTBOUND),
            e("call.started", call=OUTBOUND),
            e("call.answered", call=event_pb2.CallDetail(direction=event_pb2.CALL_DIRECTION_OUTBOUND, wait_ms=7)),
            e("call.abandoned", call=OUTBOUND),
            e("call.ended", call=event_pb2.CallDetail(direction=event_pb2.CALL_DIRECTION_OUTBOUND, talk_ms=10)),
            e("call.ended", call=event_pb2.CallDetail(direction=event_pb2.CALL_DIRECTION_OUTBOUND, talk_ms=30)),
            e("call.ended", call=event_pb2.CallDetail(direction=event_pb2.CALL_DIRECTION_INBOUND, talk_ms=90)),
        ],
        {
            "calls_offered": 0,
            "calls_answered": 0,
            "calls_abandoned": 0,
            "call_abandonment_rate": None,
            "wait_ms": 0,
            "avg_wait_ms": None,
            "calls_handled": 3,
            "talk_ms": 130,
            "outbound_calls": 2,
            "outbound_calls_answered": 1,
            "outbound_calls_abandoned": 1,
            "outbound_calls_ended": 2,
            "outbound_talk_ms": 40,
            "avg_outbound_talk_time_ms": 20,
            "p50_outbound_talk_time_ms": 20,
            "p95_outbound_talk_time_ms": 29,
        },
    ),
    "leads": (
        [
            *(e(f"lead.{kind}") for kind in ("created", "created", "contacted", "converted", "lost", "lost", "lost")),
            e("lead.stage_entered", lead=event_pb2.LeadDetail(stage="demo", value_micros=5, currency="EUR")),
        ],
        {
            "leads_created": 2,
            "leads_contacted": 1,
            "lead_stage_entries": 1,
            "leads_converted": 1,
            "leads_lost": 3,
            "conversion_rate": 1 / 4,
            "lead_value_micros": None,
            "converted_value_micros": None,
        },
    ),
    "what became of leads": (
        [
            *(e("lead.created", resource_id=f"l{number}") for number in range(6)),
            *(e("lead.contacted", 1, resource_id=f"l{number}") for number in (1, 1, 2, 3)),
            *(e("lead.converted", 2, lead=event_pb2.LeadDetail(lead_id=f"l{number}")) for number in (1, 2, 2)),
            e("lead.lost", 3, resource_id="l4"),
            e("lead.lost", 3, resource_id="l5"),
            e("lead.stage_entered", 4, resource_id="l5", lead=event_pb2.LeadDetail(stage="again")),
            e("lead.created"),
            e("lead.lost"),
        ],
        {
            "leads_created": 7,
            "leads_generated": 6,
            "cohort_leads_contacted": 3,
            "cohort_leads_converted": 2,
            "cohort_leads_lost": 1,
            "cohort_leads_open": 3,
            "lead_contact_rate": 3 / 6,
            "lead_conversion_rate": 2 / 6,
            "lead_loss_rate": 1 / 6,
            "cohort_lead_value_micros": None,
        },
    ),
    "tasks and games": (
        [
            e("task.created"),
            e("task.completed"),
            e("task.completed", task=event_pb2.TaskDetail(points=5)),
            e("badge.earned", task=event_pb2.TaskDetail(badge="gold")),
            e("points.awarded", task=event_pb2.TaskDetail(points=20)),
        ],
        {"tasks_created": 1, "tasks_completed": 2, "badges_earned": 1, "points_awarded": 25},
    ),
    "knowledge": (
        [
            e("document.uploaded", knowledge=event_pb2.KnowledgeDetail(bytes=700, hits=9)),
            e("document.deleted", knowledge=event_pb2.KnowledgeDetail(bytes=100)),
            e("search.performed", knowledge=event_pb2.KnowledgeDetail(hits=3)),
            e("search.performed", knowledge=event_pb2.KnowledgeDetail(hits=0)),
            e("knowledge.retrieved", knowledge=event_pb2.KnowledgeDetail(hits=4)),
            *(e("citation.clicked") for _ in range(3)),
        ],
        {
            "documents_uploaded": 1,
            "documents_deleted": 1,
            "document_bytes_uploaded": 700,
            "searches": 2,
            "search_hits": 3,
            "knowledge_retrievals": 1,
            "knowledge_hits": 4,
            "citations_clicked": 3,
        },
    ),
    "reviews and content gaps": (
        [
            e("quality.scored", quality=event_pb2.QualityDetail(overall=9000)),
            e("quality.scored"),
            e("content_gap.found", content_gap=event_pb2.ContentGapDetail(topic="returns", confidence=2000)),
            e("content_gap.found", content_gap=event_pb2.ContentGapDetail(confidence=6000)),
            e("content_gap.found"),
        ],
        {
            "quality_reviews": 2,
            "quality_overall": None,
            "avg_quality_overall": None,
            "content_gaps_found": 3,
            "content_gap_confidence": 8000,
            "avg_content_gap_confidence": 0.4,
        },
    ),
    "agents that change": (
        [
            *(e("agent.updated") for _ in range(3)),
            *(e("agent.deployed") for _ in range(2)),
            e("agent.deleted"),
            presence(0, event_pb2.AGENT_STATUS_BUSY),
        ],
        {"agents_updated": 3, "agent_deployments": 2, "agents_deleted": 1, "agent_status_changes": 1},
    ),
    "campaigns and payments": (
        [
            e("campaign.started"),
            *(e("campaign.ended") for _ in range(2)),
            e("campaign.cost_recorded", campaign=event_pb2.CampaignDetail(cost_micros=5)),
            *(e("payment.succeeded", billing=event_pb2.BillingDetail(amount_micros=7)) for _ in range(3)),
            e("payment.failed"),
            *(e("subscription.created") for _ in range(2)),
        ],
        {
            "campaigns_started": 1,
            "campaigns_ended": 2,
            "campaign_cost_micros": None,
            "subscriptions_created": 2,
            "payments_succeeded": 3,
            "payments_failed": 1,
            "payment_amount_micros": None,
        },
    ),
    "users themselves": (
        [
            *(e("user.registered", user_id=f"u{number}") for number in range(2)),
            *(e("user.invited") for _ in range(3)),
            *(e("user.logged_in", user_id="u1") for _ in range(4)),
            e("user.logged_out"),
        ],
        {"user_registrations": 2, "user_invitations": 3, "user_logins": 4, "user_logouts": 1, "unique_users": 2},
    ),
    "presence": (
        [
            presence(0, event_pb2.AGENT_STATUS_AVAILABLE),
            presence(30, event_pb2.AGENT_STATUS_BUSY),
            presence(40, event_pb2.AGENT_STATUS_AWAY),
            presence(60, event_pb2.AGENT_STATUS_OFFLINE),
        ],
        {"available_time_ms": 30 * 60_000, "occupancy": 1 / 4, "active_agents": 0},
    ),
    "presence that began before, ended by itself after 12 hours, and goes on after": (
        [presence(-18 * 60, event_pb2.AGENT_STATUS_BUSY), presence(0, event_pb2.AGENT_STATUS_AVAILABLE)],
        {"available_time_ms": 12 * 3600_000, "occupancy": 1 / 3},
    ),
    "growth": (
        [
            e("custom.thing", -48 * 60, user_id="u1"),
            *(e("message.sent", -24 * 60 + minute, user_id="u1") for minute in range(2)),
            *(e("message.sent", minute, user_id=f"u{minute}") for minute in range(3)),
            e("conversation.started", -24 * 60, conversation_id="c1"),
            e("conversation.started", -24 * 60, conversation_id="c2"),
            e("conversation.started", 0, conversation_id="c3"),
        ],
        {"messages_change": 50, "users_change": 200, "conversations_change": -50, "total_messages": 3},
    ),
    "users and agents": (
        [
            e("message.received", user_id="u1"),
            e("message.received", 60, user_id="u1"),
            e("custom.thing", 120, user_id="u2"),
            e("message.received", -24 * 60, user_id="u3"),
            e("custom.thing", -48 * 60),
        ],
        {"unique_users": 2, "active_agents": 1, "users_change": 100, "custom_events": 1},
    ),
}


async def by_series(caller: Caller, names: Sequence[str], **part: str) -> dict[str, Figure]:
    """Figures of the day from their series, which have one point; without those that would be mixed."""
    found: dict[str, Figure] = {name: None for name in names if figures.only_by(name)}
    asked = [name for name in names if name not in found]
    for first in range(0, len(asked), 20):
        answer = await caller.trends(THE_DAY, *asked[first : first + 20], granularity=time_pb2.GRANULARITY_DAY, **part)
        for one in answer.series:
            (value,) = one.values
            kind = value.WhichOneof("value")
            metric = registry.METRICS[one.metric]
            assert kind in (("integer",) if metrics.is_integer(metric) else ("number", None))
            found[one.metric] = getattr(value, kind) if kind else None
    return found


async def by_conversations(caller: Caller) -> dict[str, Figure]:
    """The figures of the day's conversations."""
    request = conversation_metrics_pb2.GetConversationMetricsRequest(time_range=THE_DAY)
    answer = await caller.ask("GetConversationMetrics", request)
    held, repeated = answer.durable_resolution, answer.repeat_contacts
    return {
        **by_field(answer.figures),
        "durable_resolution_rate": by_field(held)["durable_resolution_rate"],
        "repeat_contact_rate": by_field(repeated)["repeat_contact_rate"],
    }


async def every_road(caller: Caller, asked: Collection[str]) -> dict[str, dict[str, Figure]]:
    """The figures of the day by every road that leads to them: all that answers hold, and series of those asked for."""
    names = [name for name in asked if name in registry.METRICS]
    roads = {
        "overview": by_field((await caller.overview(THE_DAY)).overview),
        "agent": by_field((await caller.agent("bot", THE_DAY)).agent),
        "series": await by_series(caller, names),
        "conversations": await by_conversations(caller),
    }
    for name, value in PART.items():
        roads[f"overview by {name}"] = by_field((await caller.overview(THE_DAY, **{name: value})).overview)
        roads[f"series by {name}"] = await by_series(caller, names, **{name: value})
        assert roads[f"overview by {name}"].pop("storage_used_bytes") is None
    return roads


@pytest.mark.parametrize("world", WORLDS)
async def test_the_figures_of_a_world(caller: Caller, database: Database, world: str) -> None:
    """By every road, before and after folding, and in whatever order the events arrive."""
    events, expected = WORLDS[world]
    for one in reversed(events):
        await caller.track(one)
    before = await every_road(caller, expected)
    for road, found in before.items():
        reported = {name: figure for name, figure in expected.items() if name in found}
        assert {name: found[name] for name in reported} == pytest.approx(reported), road
    assert expected.keys() <= {name for found in before.values() for name in found}
    assert await fold.fold_all(database, caller.organization_id) > 0
    assert await every_road(caller, expected) == before


def test_every_metric_of_the_catalogue_is_in_a_world() -> None:
    reported = {name for _, expected in WORLDS.values() for name, figure in expected.items() if figure is not None}
    of_some_dimensions = {name for name in registry.METRICS if figures.only_by(name)}
    of_days = {"users_total", "new_users", "returning_users"}  # in test_daily_stats.py
    assert reported == registry.ALL.keys() - of_some_dimensions - of_days


async def test_zero_is_reported_and_what_cannot_be_computed_is_absent(caller: Caller) -> None:
    answer = (await caller.overview(THE_DAY)).overview
    figures = by_field(answer)
    integers = {name for name in overview.FIGURES if metrics.is_integer(registry.METRICS[name])}
    assert {name for name, figure in figures.items() if figure == 0} == integers | {"storage_used_bytes"}
    assert {name for name, figure in figures.items() if figure is None} == set(overview.FIGURES) - integers | set(
        registry.CHANGES
    )
    assert not answer.events_by_type
    assert not answer.storage_by_kind


async def test_events_are_reported_by_type_the_most_frequent_first(caller: Caller) -> None:
    await caller.track_all([e("b.b"), e("a.a"), e("c.c"), e("c.c"), e("elsewhen", -24 * 60)])
    overview = (await caller.overview(THE_DAY)).overview
    assert [(one.event_type, one.events) for one in overview.events_by_type] == [("c.c", 2), ("a.a", 1), ("b.b", 1)]
    assert not (await caller.overview(THE_DAY, agent_id="bot")).overview.events_by_type
