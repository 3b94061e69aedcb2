/** What is behind a change of an agent's outcomes: what the conversations were about that ended so, before and now. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { timestampFromMs } from "../wire/timestamps";
import type { ComparedPeriod } from "@contract/answer_pb.js";
import { ConversationOutcome, ConversationTime } from "@contract/conversation_pb.js";
import type { Conversation } from "@contract/conversation_pb.js";
import { DirectoryService } from "@contract/directory_service_pb.js";
import { useQuestion } from "../api/question";
import type { Asked } from "../api/question";
import { Answered, Link, Tile } from "../components/basics";
import { ms } from "../contract";
import { count } from "../format";
import { timeRange, zone } from "../state/period";
import { t } from "../text";

/** The most conversations that are looked at, of each period. */
const MOST = 1000;
const ROWS = 6;

export const OUTCOMES = ["escalated", "abandoned", "resolved", "ended"] as const;
export type OutcomeName = (typeof OUTCOMES)[number];

const CODES: Readonly<Record<OutcomeName, ConversationOutcome>> = {
  escalated: ConversationOutcome.ESCALATED,
  abandoned: ConversationOutcome.ABANDONED,
  resolved: ConversationOutcome.RESOLVED,
  ended: ConversationOutcome.ENDED,
};

interface Group {
  value: string;
  before: number;
  now: number;
}

/** Counts conversations of both periods by a text, those first whose number changed most. */
export function groups(
  now: readonly Conversation[],
  before: readonly Conversation[],
  textOf: (one: Conversation) => string,
): Group[] {
  const found = new Map<string, Group>();
  const add = (list: readonly Conversation[], period: "now" | "before"): void => {
    for (const one of list) {
      const value = textOf(one);
      const group = found.get(value) ?? { value, before: 0, now: 0 };
      group[period] += 1;
      found.set(value, group);
    }
  };
  add(now, "now");
  add(before, "before");
  return [...found.values()]
    .filter((one) => one.now !== one.before)
    .sort((a, b) => Math.abs(b.now - b.before) - Math.abs(a.now - a.before) || a.value.localeCompare(b.value));
}

function Groups({
  title,
  rows,
  parameter,
  agent,
  outcome,
}: {
  title: string;
  rows: readonly Group[];
  parameter: "topic" | "reason" | "channel";
  agent: string;
  outcome: OutcomeName;
}): JSX.Element {
  return (
    <div class="column">
      <h3>{title}</h3>
      {rows.length === 0 ? (
        <p class="muted small">{t.overview.unchanged}</p>
      ) : (
        <table class="table">
          <caption class="hidden">{title}</caption>
          <tbody>
            {rows.slice(0, ROWS).map((row) => (
              <tr key={row.value}>
                <th scope="row">
                  {row.value === "" ? (
                    <span class="muted">{t.agents.untold}</span>
                  ) : (
                    <Link to="/conversations" changes={{ agent, outcome, [parameter]: row.value }} class="name">
                      {row.value}
                    </Link>
                  )}
                </th>
                <td class="number">
                  <span class="muted">{count(row.before)} →</span> {count(row.now)}
                </td>
                <td class="number">
                  {row.now > row.before ? "▲ +" : "▼ −"}
                  {count(Math.abs(row.now - row.before))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}

function useClosed(
  agentId: string,
  outcome: OutcomeName,
  compared: ComparedPeriod | undefined,
): Asked<{ conversations: Conversation[]; nextPageToken: string }> {
  const range =
    compared === undefined
      ? timeRange.value
      : {
          start: timestampFromMs(ms(compared.start)),
          end: timestampFromMs(ms(compared.end)),
          timeZone: zone.value,
        };
  return useQuestion(DirectoryService.method.listConversations, {
    timeRange: range,
    time: ConversationTime.CLOSED,
    agentId,
    outcome: CODES[outcome],
    pageSize: MOST,
  });
}

function Chooser({ outcome, choose }: { outcome: OutcomeName; choose: (outcome: OutcomeName) => void }): JSX.Element {
  return (
    <select
      aria-label={t.conversations.outcome}
      value={outcome}
      onChange={(event) => {
        choose(event.currentTarget.value as OutcomeName);
      }}
    >
      {OUTCOMES.map((name) => (
        <option key={name} value={name}>
          {t.outcomes[name]}
        </option>
      ))}
    </select>
  );
}

/** The tile; it needs the scope events. `grown` is the outcome whose share grew most. */
export function BehindChange({
  id,
  compared,
  grown,
}: {
  id: string;
  compared: ComparedPeriod;
  grown: OutcomeName;
}): JSX.Element {
  const [chosen, setChosen] = useState<OutcomeName | undefined>(undefined);
  const outcome = chosen ?? grown;
  const asked = useClosed(id, outcome, undefined);
  const earlier = useClosed(id, outcome, compared);
  return (
    <Tile
      title={t.agents.behind}
      hint={t.agents.behindHint}
      name="behind"
      tools={<Chooser outcome={outcome} choose={setChosen} />}
    >
      <Answered asked={asked} height={170}>
        {(now) => (
          <Answered asked={earlier} height={170}>
            {(before) => {
              const by = (textOf: (one: Conversation) => string): Group[] =>
                groups(now.conversations, before.conversations, textOf);
              const parts = [
                ["topic", t.dimensions["topic"] ?? "", by((one) => one.topic)],
                ["channel", t.dimensions["channel"] ?? "", by((one) => one.channel)],
                ...(outcome === "escalated"
                  ? ([["reason", t.dimensions["handoff_reason"] ?? "", by((one) => one.handoffReason)]] as const)
                  : []),
              ] as const;
              return (
                <>
                  <div class="columns">
                    {parts.map(([parameter, title, rows]) => (
                      <Groups
                        key={parameter}
                        parameter={parameter}
                        title={title}
                        rows={rows}
                        agent={id}
                        outcome={outcome}
                      />
                    ))}
                  </div>
                  {(now.nextPageToken !== "" || before.nextPageToken !== "") && (
                    <p class="muted small">{t.agents.newest(count(MOST))}</p>
                  )}
                </>
              );
            }}
          </Answered>
        )}
      </Answered>
    </Tile>
  );
}
