/** Who uses it: by day, the busiest, and how many come back. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { DirectoryService } from "@contract/directory_service_pb.js";
import { MetricsService, SortDirection } from "@contract/metrics_service_pb.js";
import type { GetDailyStatsResponse } from "@contract/metrics_service_pb.js";
import { UserOrder, UserSeen } from "@contract/user_pb.js";
import type { GetUserRetentionResponse, User } from "@contract/user_pb.js";
import { timestampFromMs } from "../wire/timestamps";
import { useQuestion } from "../api/question";
import { call } from "../api/transport";
import { Chart } from "../charts/Chart";
import { Card } from "../components/Card";
import { Page } from "../components/Page";
import { Answered, Failure, Link, Loading, Tile } from "../components/basics";
import { Table } from "../components/Table";
import { ms, num } from "../contract";
import { count, instant, percent } from "../format";
import { param, setParams } from "../state/address";
import { now, timeRange, zone } from "../state/period";
import { t } from "../text";
import { openBucket, selectBuckets } from "./common";
import { usePages } from "./ConversationList";

const WEEK = 7 * 86_400_000;
const COHORTS = 8;

function Days({ answer }: { answer: GetDailyStatsResponse }): JSX.Element {
  const buckets = answer.days.map(({ bucket: one, running, beforeFirstEvent }) => ({
    start: ms(one?.start),
    end: ms(one?.end),
    partial: running ? ("running" as const) : beforeFirstEvent ? ("before" as const) : ("" as const),
  }));
  const { total } = answer;
  const values = (take: (one: (typeof answer.days)[number]) => bigint | undefined): (number | null)[] =>
    answer.days.map((one) => num(take(one)) ?? null);
  const cards = [
    ["unique_users", t.users.active, total?.uniqueUsers, values((one) => one.uniqueUsers)],
    ["new_users", t.users.fresh, total?.newUsers, values((one) => one.newUsers)],
    ["returning_users", t.users.returning, total?.returningUsers, values((one) => one.returningUsers)],
    ["total_conversations", t.users.conversations, total?.totalConversations, values((one) => one.totalConversations)],
  ] as const;
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
          rows={
            metric === "unique_users" || metric === "total_conversations"
              ? { to: "/rows", changes: { metric } }
              : undefined
          }
        />
      ))}
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
            {
              key: "returning",
              label: t.users.returning,
              color: 1,
              values: values((one) => one.returningUsers),
            },
            { key: "new", label: t.users.fresh, color: 2, values: values((one) => one.newUsers) },
          ]}
        />
      </Tile>
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

function List(): JSX.Element {
  const [prefix, setPrefix] = useState("");
  const seen = SEEN[param("seen")] ?? UserSeen.ACTIVE;
  const request = {
    timeRange: timeRange.value,
    seen,
    prefix,
    orderBy: UserOrder.EVENTS,
    direction: SortDirection.DESCENDING,
    pageSize: 50,
  };
  const key = JSON.stringify(request, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
  const pages = usePages<User>(key, async (pageToken, signal) => {
    const answer = await call(DirectoryService.method.listUsers, { ...request, pageToken }, signal);
    return { rows: answer.users, next: answer.nextPageToken };
  });
  const at = (time: number): string => instant(time, zone.value, { day: "numeric", month: "short", year: "numeric" });
  return (
    <>
      <div class="filters">
        <span class="tabs" role="group" aria-label={t.users.seen}>
          {(
            [
              ["", t.users.all],
              ["new", t.users.fresh],
              ["returning", t.users.returning],
            ] as const
          ).map(([name, label]) => (
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
      {pages.error !== undefined && pages.rows.length === 0 ? (
        <Failure error={pages.error} again={pages.more} />
      ) : pages.loading && pages.rows.length === 0 ? (
        <Loading height={500} />
      ) : (
        <Table
          name={t.pages.users}
          rows={pages.rows}
          find={false}
          id={(row) => row.userId}
          sort="-events"
          shown={pages.rows.length}
          all={pages.next === "" ? pages.rows.length : "?"}
          more={pages.next === "" ? undefined : pages.more}
          columns={[
            {
              key: "user",
              title: t.users.user,
              value: (row) => row.name || row.userId,
              show: (row) => <Link to={`/users/${encodeURIComponent(row.userId)}`}>{row.name || row.userId}</Link>,
            },
            {
              key: "events",
              title: t.users.events,
              unit: "1",
              bar: true,
              value: (row) => num(row.figures?.events),
            },
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
            {
              key: "rating",
              title: t.users.rating,
              unit: "rating",
              value: (row) => row.figures?.satisfactionScore,
            },
            {
              key: "tokens",
              title: t.users.tokens,
              unit: "1",
              extra: true,
              value: (row) => num(row.figures?.tokenUsage),
            },
            {
              key: "cost",
              title: t.users.cost,
              unit: "micros",
              value: (row) => num(row.figures?.costMicros),
            },
            {
              key: "first",
              title: t.users.first,
              value: (row) => new Date(ms(row.firstSeenAt)).toISOString(),
              show: (row) => at(ms(row.firstSeenAt)),
            },
            {
              key: "last",
              title: t.users.last,
              value: (row) => new Date(ms(row.lastSeenAt)).toISOString(),
              show: (row) => at(ms(row.lastSeenAt)),
            },
          ]}
        />
      )}
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
      {days.data === undefined ? (
        <Tile title={t.users.course}>
          <Answered asked={days} height={400}>
            {() => null}
          </Answered>
        </Tile>
      ) : (
        <Days answer={days.data} />
      )}
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
