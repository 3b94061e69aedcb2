/** No event yet: how to send one, and a page that turns into the overview by itself. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Heading } from "../components/Page";
import { loadSession } from "../state/session";
import { t } from "../text";

const SNIPPETS = (): readonly [string, string][] => [
  [
    t.first.python,
    `import tallywire

with tallywire.Client("127.0.0.1:50051", api_key="YOUR_KEY") as client:
    client.track(tallywire.event("message.received", agent_id="support-bot", user_id="anna", conversation_id="c-1"))`,
  ],
  [
    t.first.cli,
    "TALLYWIRE_API_KEY=YOUR_KEY TALLYWIRE_ADDRESS=127.0.0.1:50051 tallywire track message.received --agent support-bot --user anna --conversation c-1",
  ],
  [
    t.first.grpc,
    `grpcurl -plaintext -H "authorization: Bearer YOUR_KEY" -d '{"event": {"event_id": "first-1",
  "event_type": "message.received", "agent_id": "support-bot", "user_id": "anna", "conversation_id": "c-1"}}' \\
  127.0.0.1:50051 tallywire.v1.EventService/TrackEvent`,
  ],
];

const ASK_AGAIN_MS = 3_000;

/** The page. */
export function FirstRun(): JSX.Element {
  const [tab, setTab] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) loadSession().catch(() => undefined);
    }, ASK_AGAIN_MS); // The next turn asks again.
    return () => {
      clearInterval(timer);
    };
  }, []);
  const snippets = SNIPPETS();
  return (
    <>
      <Heading>{t.first.title}</Heading>
      <p>{t.first.lead}</p>
      <section class="tile w8 first">
        <div class="tabs" role="group">
          {snippets.map(([name], i) => (
            <button
              key={name}
              type="button"
              aria-pressed={i === tab}
              onClick={() => {
                setTab(i);
              }}
            >
              {name}
            </button>
          ))}
        </div>
        <pre class="code" tabIndex={0}>
          {snippets[tab]?.[1]}
        </pre>
        <p class="muted small">{t.first.key}</p>
      </section>
      <p role="status">
        <span class="pulse" aria-hidden="true" /> {t.first.waiting}
      </p>
    </>
  );
}
