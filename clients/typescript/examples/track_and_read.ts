/**
 * Tracks one conversation of an AI agent and reads the figures back. Needs a server and a key with the scopes ingest and
 * read: TALLYWIRE_API_KEY=... node track_and_read.js [127.0.0.1:50051]
 */

import { Client, TallywireError, Tracker, event, uuid7 } from "tallywire";

const address = process.argv[2] ?? "127.0.0.1:50051";
const apiKey = process.env["TALLYWIRE_API_KEY"] ?? "";

// In the path of a request: never waits, never throws, sends in the background.
const tracker = new Tracker(address, { apiKey });
const conversationId = uuid7();
const talk = tracker.conversation(conversationId, { agentId: "example-bot", userId: "example-user", channel: "web" });
talk.track("conversation.started");
talk.track("message.received");
const responseTimeMs = 420; // measured around the call of the model
talk.track("message.sent", { responseTimeMs, promptTokens: 250, completionTokens: 80 });
await tracker.close();
console.log("sent in the background:", tracker.stats().sent);

// Where the outcome matters: resolves when the event is durable and counted, rejects when it is refused.
await using client = new Client(address, { apiKey });
const rating = event("feedback.submitted", { agentId: "example-bot", conversationId, rating: 5 });
console.log("rating:", (await client.track(rating)).status);
try {
  await client.track("feedback.submitted", { agentId: "example-bot", rating: 9 });
} catch (error) {
  if (!(error instanceof TallywireError)) {
    throw error;
  }
  console.log("refused:", error.field, error.reason);
}

const start = new Date(Date.now() - 24 * 60 * 60 * 1_000);
const end = new Date(Date.now() + 60_000);
const { overview } = await client.getOverview({ timeRange: { start, end, timeZone: "Europe/Paris" } });
console.log("messages:", overview?.totalMessages, "tokens:", overview?.tokenUsage);
// What cannot be computed is absent, not 0.
console.log("satisfaction:", overview?.satisfactionScore ?? "nobody was asked");
