/** Who uses it: by day, the busiest, and how many come back. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { DirectoryService } from "@contract/directory_service_pb.js";
import { MetricsService, SortDirection } from "@contract/metrics_service_pb.js";
import type { GetDailyStatsResponse } from "@contract/metrics_service_pb.js";
import { UserOrder, UserSeen } from "@contract/user_pb.js";
import type { GetUserRetentionResponse, User } from "@contract/user_pb.js";
import { timestampFromMs } from "../wire/timestamps";
import { keyOf, usePages } from "../api/paged";
import { useQuestion } from "../api/question";
import { call } from "../api/transport";
import { Chart } from "../charts/Chart";
import type { Bucket } from "../charts/prepare";
import { Card } from "../components/Card";
import { Page } from "../components/Page";
import { Answered, Link, Tile, Whole } from "../components/basics";
import { Table } from "../components/Table";
import type { Column } from "../components/Table";
import { ms, num } from "../contract";
import { count, instant, percent } from "../format";
import { param, setParams } from "../state/address";
import { now, timeRange, zone } from "../state/period";
import { t } from "../text";
import { openBucket, selectBuckets } from "./common";

const WEEK = 7 * 86_400_000;
const COHORTS = 8;

type Day = GetDailyStatsResponse["days"][number];

function bucketsOf(answer: GetDailyStatsResponse): Bucket[] {
  return answer.days.map(({ bucket: one, running, beforeFirstEvent }) => ({
    start: ms(one?.start),
    end: ms(one?.end),
    partial: running ? "running" : beforeFirstEvent ? "before" : "",
  }));
}

function valuesOf(answer: GetDailyStatsResponse, take: (one: Day) => bigint | undefined): (number | null)[] {
  return answer.days.map((one) => num(take(one)) ?? null);
}

function Course({ answer, buckets }: { answer: GetDailyStatsResponse; buckets: readonly Bucket[] }): JSX.Element {
  const returning = valuesOf(answer, (one) => one.returningUsers);
  const fresh = valuesOf(answer, (one) => one.newUsers);
  return (
    <Tile title={t.users.course} hint={zone.value}>
      <Chart
        name={t.users.course}
        kind="bars"
        buckets={buckets}
        unit="1"
        zone={zone.value}
        height={190}
        onOpen={openBucket}
        onSelect={selectBuckets}
        series={[
          { key: "returning", label: t.users.returning, color: 1, values: returning },
          { key: "new", label: t.users.fresh, color: 2, values: fresh },
        ]}
      />
    </Tile>
  );
}

function Days({ answer }: { answer: GetDailyStatsResponse }): JSX.Element {
  const buckets = bucketsOf(answer);
  const { total } = answer;
  const values = (take: (one: Day) => bigint | undefined): (number | null)[] => valuesOf(answer, take);
  const cards = [
    ["unique_users", t.users.active, total?.uniqueUsers, values((one) => one.uniqueUsers)],
    ["new_users", t.users.fresh, total?.newUsers, values((one) => one.newUsers)],
    ["returning_users", t.users.returning, total?.returningUsers, values((one) => one.returningUsers)],
    ["total_conversations", t.users.conversations, total?.totalConversations, values((one) => one.totalConversations)],
  ] as const;
  const hasRows = ["unique_users", "total_conversations"];
  return (
    <>
      {cards.map(([metric, title, amount, series]) => (
        <Card
          key={metric}
          metric={metric}
          title={title}
          unit="1"
          value={num(amount)}
          series={{ buckets, values: series }}
          rows={hasRows.includes(metric) ? { to: "/rows", changes: { metric } } : undefined}
        />
      ))}
      <Course answer={answer} buckets={buckets} />
    </>
  );
}

function Retention({ answer }: { answer: GetUserRetentionResponse }): JSX.Element {
  // Weeks before anybody was seen say nothing.
  const begin = answer.cohorts.findIndex((one) => one.users > 0n);
  const cohorts = begin < 0 ? [] : answer.cohorts.slice(begin);
  if (cohorts.length === 0) return <p class="muted">{t.table.empty}</p>;
  const most = Math.max(0, ...cohorts.map((one) => one.retained.length));
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t.users.retention}>
      <table class="table cohorts">
        <thead>
          <tr>
            <th scope="col">{t.users.cohort}</th>
            <th scope="col" class="number">
              {t.pages.users}
            </th>
            {Array.from({ length: most }, (_, i) => (
              <th key={i} scope="col" class="number">
                {t.users.week(i)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {cohorts.map((cohort) => (
            <tr key={ms(cohort.start)}>
              <th scope="row">
                {instant(ms(cohort.start), "UTC", { day: "numeric", month: "short", year: "numeric" })}
              </th>
              <td class="number">{count(cohort.users)}</td>
              {cohort.retained.map((one) => (
                <td
                  key={one.offset}
                  class={`number k${String(Math.ceil((one.share ?? 0) * 5))}`}
                  title={count(one.users)}
                >
                  {one.share === undefined ? "–" : percent(one.share, 0)}
                  {one.stillRunning && one.share !== undefined && (
                    <span class="muted" title={t.chart.running}>
                      {" "}
                      …
                    </span>
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const SEEN: Readonly<Record<string, UserSeen>> = { new: UserSeen.NEW, returning: UserSeen.RETURNING };

function columns(): Column<User>[] {
  const at = (time: number): string => instant(time, zone.value, { day: "numeric", month: "short", year: "numeric" });
  const seen = (key: string, title: string, take: (row: User) => number): Column<User> => ({
    key,
    title,
    value: (row) => new Date(take(row)).toISOString(),
    show: (row) => at(take(row)),
  });
  return [
    {
      key: "user",
      title: t.users.user,
      value: (row) => row.name || row.userId,
      show: (row) => <Link to={`/users/${encodeURIComponent(row.userId)}`}>{row.name || row.userId}</Link>,
    },
    { key: "events", title: t.users.events, unit: "1", bar: true, value: (row) => num(row.figures?.events) },
    {
      key: "messages",
      title: t.users.messages,
      unit: "1",
      value: (row) => Number(row.figures?.messagesReceived ?? 0n) + Number(row.figures?.messagesSent ?? 0n),
    },
    {
      key: "conversations",
      title: t.users.conversations,
      unit: "1",
      value: (row) => num(row.figures?.conversations),
    },
    { key: "days", title: t.users.days, unit: "1", value: (row) => num(row.figures?.activeDays) },
    { key: "rating", title: t.users.rating, unit: "rating", value: (row) => row.figures?.satisfactionScore },
    { key: "tokens", title: t.users.tokens, unit: "1", extra: true, value: (row) => num(row.figures?.tokenUsage) },
    { key: "cost", title: t.users.cost, unit: "micros", value: (row) => num(row.figures?.costMicros) },
    seen("first", t.users.first, (row) => ms(row.firstSeenAt)),
    seen("last", t.users.last, (row) => ms(row.lastSeenAt)),
  ];
}

function Narrow({ prefix, setPrefix }: { prefix: string; setPrefix: (next: string) => void }): JSX.Element {
  const kinds = [
    ["", t.users.all],
    ["new", t.users.fresh],
    ["returning", t.users.returning],
  ] as const;
  return (
    <div class="filters">
      <span class="tabs" role="group" aria-label={t.users.seen}>
        {kinds.map(([name, label]) => (
          <button
            key={name}
            type="button"
            aria-pressed={param("seen") === name}
            onClick={() => {
              setParams({ seen: name }, { replace: true });
            }}
          >
            {label}
          </button>
        ))}
      </span>
      <input
        type="search"
        class="find"
        aria-label={t.users.find}
        placeholder={t.users.find}
        value={prefix}
        onChange={(event) => {
          setPrefix(event.currentTarget.value);
        }}
      />
    </div>
  );
}

function List(): JSX.Element {
  const [prefix, setPrefix] = useState("");
  const request = {
    timeRange: timeRange.value,
    seen: SEEN[param("seen")] ?? UserSeen.ACTIVE,
    prefix,
    orderBy: UserOrder.EVENTS,
    direction: SortDirection.DESCENDING,
    pageSize: 50,
  };
  const pages = usePages<User>(keyOf(request), async (pageToken, signal) => {
    const answer = await call(DirectoryService.method.listUsers, { ...request, pageToken }, signal);
    return { rows: answer.users, next: answer.nextPageToken };
  });
  return (
    <>
      <Narrow prefix={prefix} setPrefix={setPrefix} />
      <Answered asked={pages.asked} height={500}>
        {(rows) => (
          <Table
            name={t.pages.users}
            rows={rows}
            find={false}
            id={(row) => row.userId}
            sort="-events"
            shown={rows.length}
            all={pages.next === "" ? rows.length : "?"}
            more={pages.next === "" ? undefined : pages.more}
            whole={{ of: "rows", rows: { case: "users", value: request } }}
            columns={columns()}
          />
        )}
      </Answered>
    </>
  );
}

/** The page. */
export default function Users(): JSX.Element {
  const days = useQuestion(MetricsService.method.getDailyStats, { timeRange: timeRange.value });
  const [cohorts] = useState(() => ({ start: timestampFromMs(now() - COHORTS * WEEK), end: timestampFromMs(now()) }));
  const retention = useQuestion(DirectoryService.method.getUserRetention, { timeRange: cohorts, periods: COHORTS });
  return (
    <Page title={t.pages.users} context={days.data?.context} compares={false} filters={false}>
      <Whole asked={days} title={t.users.course} height={400}>
        {(answer) => <Days answer={answer} />}
      </Whole>
      <Tile title={t.users.retention} hint={t.users.retentionHint}>
        <Answered asked={retention} height={300}>
          {(answer) => <Retention answer={answer} />}
        </Answered>
      </Tile>
      <Tile title={t.pages.users}>
        <List />
      </Tile>
    </Page>
  );
}
