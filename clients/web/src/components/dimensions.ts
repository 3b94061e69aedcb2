/** The dimensions by which a tile or a block of a report can be grouped. */
export const DIMENSIONS = [
  "agent",
  "channel",
  "team",
  "topic",
  "model",
  "handoff_reason",
  "queue",
  "campaign",
  "endpoint",
  "event_type",
] as const;
