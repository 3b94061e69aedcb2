/**
 * Prints what the webhooks of tallywire say. WEBHOOK_SECRETS=whsec_... node webhook_receiver.js
 *
 * While a secret is rotated, WEBHOOK_SECRETS has both, with a blank between.
 */

import express from "express";
import { WebhookError, verifyWebhook } from "tallywire/webhooks";

const secrets = (process.env["WEBHOOK_SECRETS"] ?? "").split(" ");
const app = express();
// The body as it came: express.json() would leave nothing to verify.
app.post("/hooks", express.raw({ type: "*/*", limit: "1mb" }), async (request, response) => {
  try {
    const event = await verifyWebhook(secrets, request.headers, request.body as Buffer);
    console.log(event.messageId, event.type, JSON.stringify(event.data)); // a real one drops ids that it has had
    response.sendStatus(204);
  } catch (error) {
    if (!(error instanceof WebhookError) || error.code === "BAD_SECRET") {
      throw error;
    }
    response.status(400).send(error.message);
  }
});
const server = app.listen(0, "127.0.0.1", () => {
  const bound = server.address();
  console.log(`listening on ${typeof bound === "object" && bound !== null ? String(bound.port) : String(bound)}`);
});
process.once("SIGTERM", () => server.close());
