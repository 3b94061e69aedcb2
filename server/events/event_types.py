"""The event types that the service counts by, and the groups that they come in."""

MESSAGE_RECEIVED = "message.received"
MESSAGE_SENT = "message.sent"
MESSAGES = (MESSAGE_RECEIVED, MESSAGE_SENT)
# A turn of a model that nobody reads, such as one that calls tools.
MODEL_CALLED = "model.called"
# What carries tokens and cost.
MODEL_USES = (*MESSAGES, MODEL_CALLED)
CONVERSATIONS = (
    "conversation.started",
    "conversation.ended",
    "conversation.resolved",
    "conversation.escalated",
    "conversation.abandoned",
    "conversation.reopened",
)
CALLS = ("call.started", "call.answered", "call.ended", "call.abandoned")
USERS = ("user.registered", "user.invited", "user.logged_in", "user.logged_out")
TASKS = ("task.created", "task.completed", "badge.earned", "points.awarded")
