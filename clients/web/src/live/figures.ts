/** The figures of now: small, for those that only name them. */
import type { RealtimeState } from "@contract/realtime_service_pb.js";
import { num } from "../contract";

/** All figures of now, with their units. */
export const LIVE_FIGURES = [
  ["active_conversations", "1"],
  ["messages_last_minute", "1"],
  ["messages_last_hour", "1"],
  ["success_rate", "fraction"],
  ["p50_response_time_ms", "ms"],
  ["p95_response_time_ms", "ms"],
  ["messages_today", "1"],
  ["conversations_today", "1"],
  ["avg_response_time_ms", "ms"],
  ["tokens_today", "1"],
] as const;

const FIELDS = {
  active_conversations: "activeConversations",
  messages_last_minute: "messagesLastMinute",
  messages_last_hour: "messagesLastHour",
  success_rate: "successRate",
  p50_response_time_ms: "p50ResponseTimeMs",
  p95_response_time_ms: "p95ResponseTimeMs",
  avg_response_time_ms: "avgResponseTimeMs",
  messages_today: "messagesToday",
  conversations_today: "conversationsToday",
  tokens_today: "tokensToday",
} as const;

export type LiveFigure = keyof typeof FIELDS;

/** Returns a figure of now. */
export function liveFigure(state: RealtimeState | undefined, name: LiveFigure): number | undefined {
  return num(state?.metrics?.[FIELDS[name]]);
}
