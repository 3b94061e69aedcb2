/**
 * A small server of Express whose calls are recorded. TALLYWIRE_API_KEY=... node server.js [127.0.0.1:50051]
 */

import express from "express";
import { Tracker, withContext } from "tallywire";
import { apiCalls } from "tallywire/express";

const tracker = new Tracker(process.argv[2] ?? "127.0.0.1:50051", { apiKey: process.env["TALLYWIRE_API_KEY"] ?? "" });
const app = express();
app.use(apiCalls<express.Request>(tracker, { identify: (request) => ({ userId: String(request.params["user"]) }) }));
app.get("/users/:user/greeting", (request, response) => {
  // All that is tracked in the block is about this user.
  withContext({ userId: request.params.user, agentId: "greeter", channel: "web" }, () => {
    tracker.track("message.sent", { responseTimeMs: 1 });
  });
  response.send(`Hello, ${request.params.user}`);
});

const server = app.listen(0, "127.0.0.1", () => {
  const bound = server.address();
  console.log(`listening on ${typeof bound === "object" && bound !== null ? String(bound.port) : String(bound)}`);
});
process.once("SIGTERM", () => {
  server.close(() => {
    void tracker.close().then(() => {
      console.log("sent:", tracker.stats().sent);
    });
  });
});
