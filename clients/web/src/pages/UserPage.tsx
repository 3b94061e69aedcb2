/** One user: figures, days, what the user did, and erasing it all. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { DirectoryService } from "@contract/directory_service_pb.js";
import { PrivacyService, ErasureState } from "@contract/privacy_service_pb.js";
import type { Erasure } from "@contract/privacy_service_pb.js";
import type { GetUserResponse, User, UserActivity } from "@contract/user_pb.js";
import { CallError } from "../api/errors";
import { usePages } from "../api/paged";
import { forget, useQuestion } from "../api/question";
import { call } from "../api/transport";
import type { Bucket } from "../charts/prepare";
import { Chart } from "../charts/Chart";
import { Card } from "../components/Card";
import { Page } from "../components/Page";
import { Answered, Failure, Link, Tile, Whole } from "../components/basics";
import { Table } from "../components/Table";
import type { Column } from "../components/Table";
import { ms, num } from "../contract";
import { download } from "../csv";
import { day, instant, percent } from "../format";
import { timeRange, zone } from "../state/period";
import { dayOf } from "../state/zone";
import { may } from "../state/session";
import { t } from "../text";
import { ConversationDrawer } from "./ConversationDrawer";

function activityColumns(): Column<UserActivity>[] {
  return [
    {
      key: "when",
      title: t.users.when,
      value: (row) => new Date(ms(row.occurredAt)).toISOString(),
      show: (row) => instant(ms(row.occurredAt), zone.value, { dateStyle: "medium", timeStyle: "medium" }),
    },
    { key: "what", title: t.users.what, value: (row) => row.eventType },
    {
      key: "agent",
      title: t.rows.agent,
      value: (row) => row.agentId,
      show: (row) =>
        row.agentId === "" ? "" : <Link to={`/agents/${encodeURIComponent(row.agentId)}`}>{row.agentId}</Link>,
    },
    { key: "channel", title: t.rows.channel, value: (row) => row.channel },
    {
      key: "conversation",
      title: t.rows.conversation,
      value: (row) => row.conversationId,
      show: (row) =>
        row.conversationId === "" ? (
          ""
        ) : (
          <Link to="/conversations" changes={{ c: row.conversationId }}>
            <code>{row.conversationId}</code>
          </Link>
        ),
    },
  ];
}

function Activities({ id }: { id: string }): JSX.Element {
  const pages = usePages<UserActivity>(id, async (pageToken, signal) => {
    const answer = await call(
      DirectoryService.method.listUserActivities,
      { userId: id, pageSize: 50, pageToken },
      signal,
    );
    return { rows: answer.activities, next: answer.nextPageToken };
  });
  return (
    <Answered asked={pages.asked} height={400}>
      {(rows) => (
        <Table
          name={t.users.activities}
          rows={rows}
          fixed
          id={(row) => row.eventId}
          shown={rows.length}
          all={pages.next === "" ? rows.length : "?"}
          more={pages.next === "" ? undefined : pages.more}
          columns={activityColumns()}
        />
      )}
    </Answered>
  );
}

const ASK_AGAIN_MS = 1_000;
const DAY_MS = 86_400_000;

/** Erases a user, and tells how far that is until it is done. */
async function eraseUser(userId: string, tell: (erasure: Erasure | undefined) => void): Promise<void> {
  let now = (await call(PrivacyService.method.eraseUser, { userId, requestId: crypto.randomUUID() })).erasure;
  while (now !== undefined && now.state !== ErasureState.DONE) {
    tell(now);
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    now = (await call(PrivacyService.method.getErasure, { erasureId: now.erasureId })).erasure;
  }
  tell(now);
}

function Receipt({ receipt }: { receipt: NonNullable<Erasure["receipt"]> }): JSX.Element {
  const text = JSON.stringify(receipt, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value), 2);
  return (
    <>
      <p role="status">{t.users.erased}</p>
      <pre class="code" tabIndex={0} role="region" aria-label={t.users.erased}>
        {text}
      </pre>
      <button
        type="button"
        onClick={() => {
          download("erasure.json", text, "application/json");
        }}
      >
        {t.dashboards.jsonOut}
      </button>
    </>
  );
}

function EraseForm({ id, erase }: { id: string; erase: () => void }): JSX.Element {
  const [typed, setTyped] = useState("");
  return (
    <form
      class="filters"
      onSubmit={(event) => {
        event.preventDefault();
        if (typed === id) erase();
      }}
    >
      <p class="muted wide-line">{t.users.eraseHint}</p>
      <input
        aria-label={t.users.user}
        value={typed}
        autocomplete="off"
        onInput={(event) => {
          setTyped(event.currentTarget.value);
        }}
      />
      <button type="submit" disabled={typed !== id}>
        {t.users.erase}
      </button>
    </form>
  );
}

function Erase({ id, erased }: { id: string; erased: () => void }): JSX.Element {
  const [erasure, setErasure] = useState<Erasure | undefined>(undefined);
  const [error, setError] = useState<CallError | undefined>(undefined);
  const erase = async (): Promise<void> => {
    setError(undefined);
    try {
      await eraseUser(id, setErasure);
      erased();
    } catch (reason) {
      setErasure(undefined);
      setError(reason instanceof CallError ? reason : new CallError("internal", String(reason)));
    }
  };
  const receipt = erasure?.receipt;
  return (
    <Tile title={t.users.erase} name="erase">
      {receipt !== undefined ? (
        <Receipt receipt={receipt} />
      ) : erasure !== undefined ? (
        <p role="status">{t.users.erasing(percent(erasure.progress, 0))}</p>
      ) : (
        <EraseForm id={id} erase={() => void erase()} />
      )}
      {error !== undefined && <Failure error={error} />}
    </Tile>
  );
}

/** Fills the days between: the answer has those alone on which the user did something. */
export function everyDay(known: readonly (readonly [number, number])[]): { buckets: Bucket[]; values: number[] } {
  const events = new Map(known);
  const first = Math.min(...events.keys());
  const last = Math.max(...events.keys());
  const buckets: Bucket[] = [];
  for (let start = first; start <= last; start += DAY_MS) buckets.push({ start, end: start + DAY_MS, partial: "" });
  return { buckets, values: buckets.map(({ start }) => events.get(start) ?? 0) };
}

function Known({ answer }: { answer: GetUserResponse }): JSX.Element {
  const figures = answer.user?.figures;
  const { buckets, values } = everyDay(answer.days.map((one) => [ms(one.start), num(one.figures?.events) ?? 0]));
  return (
    <>
      <Card metric="events" title={t.users.events} unit="1" value={num(figures?.events)} />
      <Card metric="total_conversations" title={t.users.conversations} unit="1" value={num(figures?.conversations)} />
      <Card metric="satisfaction_score" title={t.users.rating} unit="rating" value={figures?.satisfactionScore} />
      <Card metric="cost_micros" title={t.users.cost} unit="micros" value={num(figures?.costMicros)} />
      {buckets.length > 1 && (
        <Tile title={t.users.events} hint="UTC">
          <Chart
            name={t.users.events}
            kind="bars"
            buckets={buckets}
            unit="1"
            zone="UTC"
            height={150}
            series={[{ key: "events", label: t.users.events, color: 1, values }]}
          />
        </Tile>
      )}
    </>
  );
}

function seenText(user: User | undefined): string {
  if (user === undefined) return "";
  const first = t.agents.firstSeen(day(dayOf(ms(user.firstSeenAt), zone.value)));
  return `${first} · ${t.agents.lastSeen(instant(ms(user.lastSeenAt), zone.value))}`;
}

/** The page. */
export default function UserPage({ id }: { id: string }): JSX.Element {
  const [erased, setErased] = useState(false);
  const asked = useQuestion(
    DirectoryService.method.getUser,
    erased ? undefined : { userId: id, timeRange: timeRange.value },
  );
  const missing = erased || asked.error?.reason === "USER_NOT_FOUND";
  const user = missing ? undefined : asked.data?.user;
  return (
    <Page title={user?.name || id} compares={false} filters={false} context={asked.data?.context} lead={seenText(user)}>
      {missing ? (
        <p class="wide">{t.users.notFound(id)}</p>
      ) : (
        <>
          <Whole asked={asked} title={id} height={300}>
            {(answer) => <Known answer={answer} />}
          </Whole>
          <Tile title={t.users.activities}>
            {may("events") ? <Activities id={id} /> : <p class="muted">{t.conversations.needsEvents}</p>}
          </Tile>
        </>
      )}
      {may("admin") && (erased || !missing) && (
        <Erase
          id={id}
          erased={() => {
            // Nothing that was asked before may show the user again.
            forget(DirectoryService.method.getUser);
            setErased(true);
          }}
        />
      )}
      <ConversationDrawer />
    </Page>
  );
}
