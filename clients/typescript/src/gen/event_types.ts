// Made by protos/generate.py from the contract. Do not edit.
import type {
  AgentDetailInit,
  ApiDetailInit,
  BillingDetailInit,
  CallDetailInit,
  CampaignDetailInit,
  ContentGapDetailInit,
  ConversationDetailInit,
  FeedbackDetailInit,
  KnowledgeDetailInit,
  LeadDetailInit,
  MessageDetailInit,
  QualityDetailInit,
  StorageDetailInit,
  TaskDetailInit,
  UserDetailInit,
  WorkflowDetailInit,
} from "./messages.js";

/** The fields that belong to each event type that the service knows. */
export interface DetailByEventType {
  "conversation.started": ConversationDetailInit;
  "conversation.ended": ConversationDetailInit;
  "conversation.resolved": ConversationDetailInit;
  "conversation.escalated": ConversationDetailInit;
  "conversation.abandoned": ConversationDetailInit;
  "conversation.reopened": ConversationDetailInit;
  "message.received": MessageDetailInit;
  "message.sent": MessageDetailInit;
  "model.called": MessageDetailInit;
  "feedback.submitted": FeedbackDetailInit;
  "quality.scored": QualityDetailInit;
  "content_gap.found": ContentGapDetailInit;
  "document.uploaded": KnowledgeDetailInit;
  "document.deleted": KnowledgeDetailInit;
  "search.performed": KnowledgeDetailInit;
  "knowledge.retrieved": KnowledgeDetailInit;
  "citation.clicked": KnowledgeDetailInit;
  "agent.created": AgentDetailInit;
  "agent.updated": AgentDetailInit;
  "agent.deleted": AgentDetailInit;
  "agent.deployed": AgentDetailInit;
  "agent.status_changed": AgentDetailInit;
  "call.started": CallDetailInit;
  "call.answered": CallDetailInit;
  "call.ended": CallDetailInit;
  "call.abandoned": CallDetailInit;
  "lead.created": LeadDetailInit;
  "lead.contacted": LeadDetailInit;
  "lead.stage_entered": LeadDetailInit;
  "lead.converted": LeadDetailInit;
  "lead.lost": LeadDetailInit;
  "campaign.started": CampaignDetailInit;
  "campaign.ended": CampaignDetailInit;
  "campaign.cost_recorded": CampaignDetailInit;
  "task.created": TaskDetailInit;
  "task.completed": TaskDetailInit;
  "badge.earned": TaskDetailInit;
  "points.awarded": TaskDetailInit;
  "workflow.created": WorkflowDetailInit;
  "workflow.executed": WorkflowDetailInit;
  "workflow.failed": WorkflowDetailInit;
  "user.registered": UserDetailInit;
  "user.invited": UserDetailInit;
  "user.logged_in": UserDetailInit;
  "user.logged_out": UserDetailInit;
  "subscription.created": BillingDetailInit;
  "payment.succeeded": BillingDetailInit;
  "payment.failed": BillingDetailInit;
  "api.called": ApiDetailInit;
  "storage.changed": StorageDetailInit;
}

/** The field of an event's detail that belongs to each event type. */
export const FAMILY_OF = {
  "conversation.started": "conversation",
  "conversation.ended": "conversation",
  "conversation.resolved": "conversation",
  "conversation.escalated": "conversation",
  "conversation.abandoned": "conversation",
  "conversation.reopened": "conversation",
  "message.received": "message",
  "message.sent": "message",
  "model.called": "message",
  "feedback.submitted": "feedback",
  "quality.scored": "quality",
  "content_gap.found": "contentGap",
  "document.uploaded": "knowledge",
  "document.deleted": "knowledge",
  "search.performed": "knowledge",
  "knowledge.retrieved": "knowledge",
  "citation.clicked": "knowledge",
  "agent.created": "agent",
  "agent.updated": "agent",
  "agent.deleted": "agent",
  "agent.deployed": "agent",
  "agent.status_changed": "agent",
  "call.started": "call",
  "call.answered": "call",
  "call.ended": "call",
  "call.abandoned": "call",
  "lead.created": "lead",
  "lead.contacted": "lead",
  "lead.stage_entered": "lead",
  "lead.converted": "lead",
  "lead.lost": "lead",
  "campaign.started": "campaign",
  "campaign.ended": "campaign",
  "campaign.cost_recorded": "campaign",
  "task.created": "task",
  "task.completed": "task",
  "badge.earned": "task",
  "points.awarded": "task",
  "workflow.created": "workflow",
  "workflow.executed": "workflow",
  "workflow.failed": "workflow",
  "user.registered": "user",
  "user.invited": "user",
  "user.logged_in": "user",
  "user.logged_out": "user",
  "subscription.created": "billing",
  "payment.succeeded": "billing",
  "payment.failed": "billing",
  "api.called": "api",
  "storage.changed": "storage",
} as const satisfies Record<keyof DetailByEventType, string>;
