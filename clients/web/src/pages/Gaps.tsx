/** Questions that the knowledge did not answer, and what is being done about them. */
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { ContentGapOrder, ContentGapStatus } from "@contract/content_gap_pb.js";
import type { ContentGap, GetContentGapResponse } from "@contract/content_gap_pb.js";
import { DirectoryService } from "@contract/directory_service_pb.js";
import { CallError } from "../api/errors";
import { askAnew, useQuestion } from "../api/question";
import { call } from "../api/transport";
import { Chart } from "../charts/Chart";
import { say } from "../components/announce";
import { Page } from "../components/Page";
import { Answered, Link, Tile } from "../components/basics";
import { Select } from "../components/Select";
import { Table } from "../components/Table";
import type { Column } from "../components/Table";
import { ms, num } from "../contract";
import { ago, count, percent } from "../format";
import { param, setParams } from "../state/address";
import { now, timeRange, zone } from "../state/period";
import { may } from "../state/session";
import { t } from "../text";

const STATUSES = [
  ContentGapStatus.IDENTIFIED,
  ContentGapStatus.IN_PROGRESS,
  ContentGapStatus.RESOLVED,
  ContentGapStatus.DISMISSED,
] as const;

function Status({ gap }: { gap: ContentGap }): JSX.Element {
  return (
    <>
      <span
        class={`status s${gap.status === ContentGapStatus.RESOLVED ? "2" : gap.status === ContentGapStatus.DISMISSED ? "5" : "1"}`}
      >
        {t.gaps.statuses[gap.status]}
      </span>
      {gap.reopenedAt !== undefined && (
        <span class="bad small"> ▲ {t.gaps.reopened(count(Math.max(1, gap.timesReopened)))}</span>
      )}
    </>
  );
}

function problemOf(error: unknown): string {
  return error instanceof CallError ? error.message : String(error);
}

function Edit({ gap, changed }: { gap: ContentGap; changed: () => void }): JSX.Element {
  const status = useRef<HTMLSelectElement>(null);
  const note = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState("");
  const save = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    try {
      await call(DirectoryService.method.updateContentGap, {
        topic: gap.topic,
        status: Number(status.current?.value ?? 0) as ContentGapStatus,
        note: note.current?.value ?? "",
        etag: gap.etag,
      });
      say(t.gaps.saved);
      setProblem("");
    } catch (error) {
      const outdated = error instanceof CallError && error.reason === "ETAG_MISMATCH";
      setProblem(outdated ? t.gaps.changed : problemOf(error));
    }
    changed();
  };
  return (
    <form class="filters" key={gap.etag} onSubmit={(event) => void save(event)}>
      <label>
        {t.gaps.status}{" "}
        <select ref={status} value={String(gap.status)}>
          {STATUSES.map((one) => (
            <option key={one} value={String(one)}>
              {t.gaps.statuses[one]}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t.gaps.note} <input ref={note} value={gap.note} maxLength={1024} />
      </label>
      <button type="submit">{t.gaps.save}</button>
      <span class="bad" role="alert">
        {problem}
      </span>
    </form>
  );
}

/** Lets a topic count for another one, which is shown from then on. */
function MergeForm({ gap, changed }: { gap: ContentGap; changed: () => void }): JSX.Element {
  const into = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState("");
  const others = useQuestion(DirectoryService.method.listContentGaps, { pageSize: 100 });
  const merge = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    try {
      const { contentGap } = await call(DirectoryService.method.mergeContentGaps, {
        topic: gap.topic,
        intoTopic: into.current?.value ?? "",
      });
      say(t.gaps.merged);
      setParams({ topic: contentGap?.topic });
      changed();
    } catch (error) {
      setProblem(problemOf(error));
    }
  };
  return (
    <form class="filters" onSubmit={(event) => void merge(event)}>
      <label>
        {t.gaps.mergeInto} <input ref={into} list="gap-topics" required maxLength={1024} />
      </label>
      <datalist id="gap-topics">
        {(others.data?.contentGaps ?? [])
          .filter((one) => one.topic !== gap.topic)
          .map((one) => (
            <option key={one.topic} value={one.name} />
          ))}
      </datalist>
      <button type="submit">{t.gaps.merge}</button>
      <span class="bad" role="alert">
        {problem}
      </span>
    </form>
  );
}

/** The topics that a gap counts, too; each can count for itself again. */
function Merged({ gap, changed }: { gap: ContentGap; changed: () => void }): JSX.Element {
  const [problem, setProblem] = useState("");
  const undo = async (topic: string): Promise<void> => {
    try {
      await call(DirectoryService.method.undoContentGapMerge, { topic });
      say(t.gaps.undone);
      changed();
    } catch (error) {
      setProblem(problemOf(error));
    }
  };
  return (
    <>
      {gap.mergedTopics.map((topic) => (
        <p key={topic} class="small">
          {t.gaps.includes(topic)}{" "}
          <button type="button" class="link" onClick={() => void undo(topic)}>
            {t.gaps.undo(topic)}
          </button>
        </p>
      ))}
      <span class="bad" role="alert">
        {problem}
      </span>
    </>
  );
}

function About({
  gap,
  trend,
  changed,
}: {
  gap: ContentGap;
  trend: GetContentGapResponse["trend"];
  changed: () => void;
}): JSX.Element {
  return (
    <>
      <p>
        <Status gap={gap} /> {gap.note !== "" && <span class="muted">{gap.note}</span>}
      </p>
      <Chart
        name={t.gaps.trend}
        kind="bars"
        buckets={trend.map((one) => ({
          start: ms(one.start),
          end: ms(one.end),
          partial: ms(one.end) > now() ? ("running" as const) : ("" as const),
        }))}
        unit="1"
        zone={zone.value}
        height={130}
        series={[
          {
            key: "times",
            label: t.gaps.times,
            color: 1,
            values: trend.map((one) => Number(one.frequency)),
          },
        ]}
      />
      <h3>{t.gaps.questions}</h3>
      <ul class="questions">
        {gap.questions.map((one) => (
          <li key={one.question}>
            “{one.question}” <span class="muted small">{ago(now() - ms(one.askedAt))}</span>
          </li>
        ))}
      </ul>
      <p class="small">
        <Link to="/conversations" changes={{ gap: "1" }}>
          {t.conversations.hasGap}
        </Link>
      </p>
      {may("edit") && (
        <>
          <Edit gap={gap} changed={changed} />
          {gap.mergedTopics.length === 0 ? (
            <MergeForm key={gap.topic} gap={gap} changed={changed} />
          ) : (
            <Merged key={gap.topic} gap={gap} changed={changed} />
          )}
        </>
      )}
    </>
  );
}

function One({ topic }: { topic: string }): JSX.Element {
  const asked = useQuestion(DirectoryService.method.getContentGap, { topic, timeRange: timeRange.value });
  const changed = (): void => {
    askAnew(DirectoryService.method.getContentGap);
    askAnew(DirectoryService.method.listContentGaps);
  };
  return (
    <Tile
      title={asked.data?.contentGap?.name ?? topic}
      tools={
        <button
          type="button"
          class="link"
          onClick={() => {
            setParams({ topic: undefined });
          }}
        >
          {t.conversations.close}
        </button>
      }
    >
      <Answered asked={asked} height={260}>
        {({ contentGap: gap, trend }) => gap !== undefined && <About gap={gap} trend={trend} changed={changed} />}
      </Answered>
    </Tile>
  );
}

function columns(): Column<ContentGap>[] {
  return [
    {
      key: "topic",
      title: t.gaps.topic,
      value: (gap) => gap.name,
      show: (gap) => (
        <button
          type="button"
          class="link"
          onClick={() => {
            setParams({ topic: gap.topic });
            scrollTo(0, 0);
          }}
        >
          {gap.name}
        </button>
      ),
    },
    {
      key: "times",
      title: t.gaps.times,
      unit: "1",
      bar: true,
      value: (gap) => num(gap.periodFrequency ?? gap.frequency),
    },
    {
      key: "users",
      title: t.gaps.users,
      unit: "1",
      value: (gap) => Number(gap.users),
      show: (gap) => `${gap.usersEstimated ? "≈ " : ""}${count(gap.users)}`,
    },
    { key: "confidence", title: t.gaps.confidence, unit: "fraction", value: (gap) => gap.meanConfidence },
    {
      key: "rate",
      title: t.gaps.rate,
      unit: "fraction",
      value: (gap) => gap.resolutionRate,
      show: (gap) => (gap.resolutionRate === undefined ? "–" : percent(gap.resolutionRate)),
    },
    { key: "priority", title: t.gaps.priority, unit: "1", value: (gap) => gap.priority },
    {
      key: "last",
      title: t.gaps.lastSeen,
      value: (gap) => new Date(ms(gap.lastSeenAt)).toISOString(),
      show: (gap) => ago(now() - ms(gap.lastSeenAt)),
    },
    {
      key: "status",
      title: t.gaps.status,
      value: (gap) => t.gaps.statuses[gap.status],
      show: (gap) => <Status gap={gap} />,
    },
  ];
}

function Search({ value, set }: { value: string; set: (text: string) => void }): JSX.Element {
  return (
    <input
      type="search"
      class="find"
      aria-label={t.gaps.topic}
      placeholder={t.gaps.topic}
      value={value}
      onChange={(event) => {
        set(event.currentTarget.value);
      }}
    />
  );
}

/** The page. */
export default function Gaps(): JSX.Element {
  const status = Number(param("status")) as ContentGapStatus;
  const [size, setSize] = useState(100);
  const [search, setSearch] = useState("");
  const request = {
    timeRange: timeRange.value,
    status,
    search,
    orderBy: ContentGapOrder.PRIORITY,
    pageSize: size,
  };
  const asked = useQuestion(DirectoryService.method.listContentGaps, request);
  const topic = param("topic");
  return (
    <Page title={t.pages.gaps} compares={false} filters={false} context={asked.data?.context} lead={t.gaps.lead}>
      {topic !== "" && <One topic={topic} />}
      <Tile title={t.pages.gaps}>
        <div class="filters">
          <Select
            label={t.gaps.status}
            value={String(status)}
            options={[["0", t.gaps.any], ...STATUSES.map((one) => [String(one), t.gaps.statuses[one] ?? ""] as const)]}
            choose={(next) => {
              setParams({ status: next === "0" ? undefined : next }, { replace: true });
            }}
          />
          <Search value={search} set={setSearch} />
        </div>
        <Answered asked={asked} height={400}>
          {(answer) => (
            <Table
              name={t.pages.gaps}
              whole={{ of: "rows", rows: { case: "contentGaps", value: request } }}
              rows={answer.contentGaps}
              find={false}
              id={(gap) => gap.topic}
              sort="-priority"
              inAddress="sort"
              more={
                answer.nextPageToken === ""
                  ? undefined
                  : () => {
                      setSize(size + 100);
                    }
              }
              columns={columns()}
            />
          )}
        </Answered>
      </Tile>
    </Page>
  );
}
