/** The panel within somebody else's page: figures of now, the last hour, the latest conversations, the busiest agents. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ReadonlySignal } from "@preact/signals";
import { timestampFromMs } from "../wire/timestamps";
import { MetricsService } from "@contract/metrics_service_pb.js";
import type { QueryMetricsResponse } from "@contract/metrics_service_pb.js";
import { call } from "../api/transport";
import { cell, ms } from "../contract";
import { count } from "../format";
import { dayOf, startOfDay } from "../state/zone";
import { session } from "../state/session";
import { t } from "../text";
import type { RealtimeState } from "@contract/realtime_service_pb.js";
import { LIVE_FIGURES } from "./figures";
import { Feed, LinkState, LiveCard, MessagesChart, StatusPill, Updated, messagesOf } from "./parts";
import { useLive } from "./useLive";

const ASK_AGAIN_MS = 60_000;

function useBusiest(state: RealtimeState | undefined): QueryMetricsResponse | undefined {
  const [answer, setAnswer] = useState<QueryMetricsResponse | undefined>(undefined);
  const allowed = session.value?.embed?.rpcs.includes("QueryMetrics") === true && state !== undefined;
  useEffect(() => {
    if (!allowed) return undefined;
    const ask = (): void => {
      const start = startOfDay(dayOf(ms(state.asOfTime), state.timeZone), state.timeZone);
      call(MetricsService.method.queryMetrics, {
        timeRange: {
          start: timestampFromMs(start),
          end: timestampFromMs(start + 86_400_000),
          timeZone: state.timeZone,
        },
        groupBy: ["agent"],
        metrics: ["total_messages"],
        pageSize: 5,
      }).then(setAnswer, () => undefined); // The other figures stay.
    };
    ask();
    const timer = setInterval(ask, ASK_AGAIN_MS);
    return () => {
      clearInterval(timer);
    };
  }, [allowed]);
  return answer;
}

function Busiest({ answer }: { answer: QueryMetricsResponse }): JSX.Element {
  const most = Math.max(1, ...answer.rows.map((row) => cell(row.figures[0]) ?? 0));
  return (
    <section class="tile">
      <h2>{t.live.busiest}</h2>
      <ul class="bars">
        {answer.rows.map((row) => (
          <li key={row.values[0]}>
            <span class="bar-name">{row.displayName || row.values[0]}</span>
            <span class="bar-room" aria-hidden="true">
              <span class="bar-mark" style={{ width: `${String(((cell(row.figures[0]) ?? 0) / most) * 100)}%` }} />
            </span>
            <span class="number">{count(cell(row.figures[0]) ?? 0)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The panel. */
export function Panel({ expired }: { expired: ReadonlySignal<boolean> }): JSX.Element {
  const live = useLive({}, true);
  const state = live?.state.value;
  const busiest = useBusiest(state);
  return (
    <main class="panel">
      <header class="heading">
        <h1>{t.live.now}</h1>
        <LinkState live={live} />
        {live !== undefined && <Updated live={live} />}
      </header>
      {expired.value && (
        <p class="stale" role="status">
          {t.live.expired}
        </p>
      )}
      <div class="grid">
        {LIVE_FIGURES.slice(0, 8).map(([name, unit]) => (
          <LiveCard key={name} name={name} unit={unit} state={state} />
        ))}
        {state !== undefined && (
          <>
            <section class="tile">
              <h2>{t.live.perMinute}</h2>
              <MessagesChart state={state} zone={state.timeZone} height={130} />
            </section>
            {busiest !== undefined && busiest.rows.length > 0 && <Busiest answer={busiest} />}
            {/* A token's states come without conversations. */}
            {state.conversations.length > 0 && (
              <section class="tile">
                <h2>{t.live.latest}</h2>
                <Feed
                  state={state}
                  limit={10}
                  row={(one, ago) => (
                    <tr key={one.conversationId}>
                      <td>
                        <StatusPill status={one.status} />
                      </td>
                      <td>{one.agentId}</td>
                      <td class="number">{messagesOf(one)}</td>
                      <td class="number muted">{ago}</td>
                    </tr>
                  )}
                />
              </section>
            )}
          </>
        )}
      </div>
    </main>
  );
}
