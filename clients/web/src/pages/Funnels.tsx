/** Leads, users and conversations through stages: who goes on, who is lost, and how long it takes. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { create } from "../wire";
import { FunnelDefinitionSchema, FunnelService } from "@contract/funnel_service_pb.js";
import type {
  Funnel,
  FunnelDefinition,
  FunnelFigures,
  FunnelStageFigures,
  QueryFunnelResponse,
} from "@contract/funnel_service_pb.js";
import { CallError } from "../api/errors";
import { useQuestion } from "../api/question";
import { Later } from "../components/Later";
import { Page } from "../components/Page";
import { Answered, Empty, Kept, Tile } from "../components/basics";
import { Select } from "../components/Select";
import { Table } from "../components/Table";
import { num } from "../contract";
import { count, figure, percent } from "../format";
import { param, setParams } from "../state/address";
import { timeRange } from "../state/period";
import { may } from "../state/session";
import { t } from "../text";
import { LEAST_STEPS, askable, draftOf, draftText, standardFunnel, versionOf, withStep } from "./funnelDraft";
import type * as Editor from "./FunnelEditor";
import { deleteFunnel } from "./funnelSaving";

const BREAKDOWNS = ["channel", "campaign", "agent", "team"] as const;
const EMPTY = create(FunnelDefinitionSchema);

type Which = { case: "definition"; value: FunnelDefinition } | { case: "name"; value: string };

function Stage({
  stage,
  cohort,
  next,
}: {
  stage: FunnelStageFigures;
  cohort: number;
  next: FunnelStageFigures | undefined;
}): JSX.Element {
  const share = cohort === 0 ? 0 : Number(stage.entered) / cohort;
  return (
    <li class="funnel-step">
      <span>
        <b>{stage.name}</b>
      </span>
      <span class="track" aria-hidden="true">
        <span style={{ width: `${String(share * 100)}%` }} />
      </span>
      <span class="number">
        {count(stage.entered)} <span class="muted">{percent(share)}</span>
      </span>
      {next !== undefined && (
        <span class="funnel-between small muted">
          ↓ {t.funnels.next}: <span class="good">{count(stage.converted ?? 0n)}</span> (
          {stage.conversionRate === undefined ? "–" : percent(stage.conversionRate)}) · {t.funnels.lost}:{" "}
          <span class="bad">{count(stage.left ?? 0n)}</span> · {t.funnels.inside}: {count(stage.stillInside ?? 0n)} ·{" "}
          {t.funnels.median} {figure(num(next.medianTimeMs), "ms")}, {t.funnels.p95} {figure(num(next.p95TimeMs), "ms")}
        </span>
      )}
    </li>
  );
}

function Stages({ figures }: { figures: FunnelFigures | undefined }): JSX.Element {
  const stages = figures?.stages ?? [];
  const cohort = Number(stages[0]?.entered ?? 0n);
  if (cohort === 0) return <Empty text={t.funnels.none} />;
  return (
    <ol class="funnel">
      {stages.map((stage, i) => (
        <Stage key={i} stage={stage} cohort={cohort} next={stages[i + 1]} />
      ))}
    </ol>
  );
}

interface Row {
  id: string;
  figures: FunnelFigures | undefined;
}

function Rows({ rows, names, by }: { rows: readonly Row[]; names: readonly string[]; by: string }): JSX.Element {
  return (
    <Table
      name={`${t.funnels.by} ${t.dimensions[by] ?? by}`}
      rows={rows}
      id={(row) => row.id}
      find={false}
      sort="-s0"
      columns={[
        { key: "value", title: t.dimensions[by] ?? by, value: (row) => row.id },
        ...names.map((name, i) => ({
          key: `s${String(i)}`,
          title: name,
          unit: "1",
          bar: i === 0,
          value: (row: Row) => num(row.figures?.stages[i]?.entered),
        })),
        {
          key: "rate",
          title: t.funnels.ofAll,
          unit: "fraction",
          value: (row) => row.figures?.stages.at(-1)?.overallConversionRate,
        },
      ]}
    />
  );
}

interface ToolsProps {
  name: string;
  by: string;
  saved: readonly Funnel[];
}

function Choices({ name, by, saved }: ToolsProps): JSX.Element {
  return (
    <>
      {saved.length > 0 && (
        <Select
          label={t.funnels.choose}
          value={name}
          options={[["", t.funnels.standard], ...saved.map((one) => [one.name, one.name] as const)]}
          choose={(funnel) => {
            setParams({ funnel });
          }}
        />
      )}
      <label class="small">
        {t.funnels.by}{" "}
        <Select
          value={by}
          options={[["", t.funnels.nothing], ...BREAKDOWNS.map((one) => [one, t.dimensions[one] ?? one] as const)]}
          choose={(next) => {
            setParams({ by: next }, { replace: true });
          }}
        />
      </label>
    </>
  );
}

function Buttons({ name, saved }: { name: string; saved: Funnel | undefined }): JSX.Element {
  const [problem, setProblem] = useState("");
  const remove = async (): Promise<void> => {
    if (!confirm(t.funnels.removeSure(name))) return;
    try {
      await deleteFunnel(name);
      setParams({ funnel: undefined });
    } catch (error) {
      setProblem(error instanceof CallError ? error.message : String(error));
    }
  };
  return (
    <>
      <button
        type="button"
        class="link"
        disabled={name !== "" && saved === undefined}
        onClick={() => {
          const definition = saved?.definition ?? standardFunnel();
          setParams({ draft: draftText(definition), base: versionOf(saved?.createdAt) });
        }}
      >
        {t.dashboards.edit}
      </button>
      <button
        type="button"
        class="link"
        onClick={() => {
          setParams({ funnel: undefined, base: undefined, draft: draftText(withStep(withStep(EMPTY))) });
        }}
      >
        {t.funnels.make}
      </button>
      {saved !== undefined && may("admin") && (
        <button type="button" class="link" onClick={() => void remove()}>
          {t.dashboards.remove}
        </button>
      )}
      {problem !== "" && (
        <span class="bad small" role="alert">
          {problem}
        </span>
      )}
    </>
  );
}

function Breakdown({ answer, by }: { answer: QueryFunnelResponse; by: string }): JSX.Element {
  return (
    <Tile title={`${t.funnels.by} ${t.dimensions[by] ?? by}`}>
      <Rows
        by={by}
        names={(answer.total?.stages ?? []).map((one) => one.name)}
        rows={[
          ...answer.rows.map((row) => ({ id: row.value, figures: row.figures })),
          ...(answer.other === undefined ? [] : [{ id: t.table.rest, figures: answer.other }]),
          ...(answer.withoutValue === undefined ? [] : [{ id: "–", figures: answer.withoutValue }]),
        ]}
      />
    </Tile>
  );
}

const loadEditor = (): Promise<typeof Editor> => import("./FunnelEditor");

/** What is asked: the draft, a saved funnel, or the one to begin with; undefined for a draft with too few steps. */
function funnelAsked(draft: FunnelDefinition | undefined, name: string): Which | undefined {
  if (draft !== undefined) {
    const value = askable(draft);
    return value === undefined ? undefined : { case: "definition", value };
  }
  return name === "" ? { case: "definition", value: standardFunnel() } : { case: "name", value: name };
}

/** The page. */
export default function Funnels(): JSX.Element {
  const name = param("funnel");
  const by = (BREAKDOWNS as readonly string[]).includes(param("by")) ? param("by") : "";
  const draft = draftOf(param("draft"));
  const funnel = funnelAsked(draft, name);
  const saved = useQuestion(FunnelService.method.listFunnels, {}).data?.funnels ?? [];
  const asked = useQuestion(
    FunnelService.method.queryFunnel,
    funnel === undefined ? undefined : { timeRange: timeRange.value, funnel, breakdown: by, top: 20 },
  );
  const editing = draft !== undefined;
  const base = name === "" || param("base") === "" ? undefined : { name, version: param("base") };
  return (
    <Page title={t.pages.funnels} compares={false} filters={false} context={asked.data?.context}>
      {editing && <Later load={loadEditor} props={{ draft, base }} />}
      <Tile
        title={name !== "" ? name : editing ? t.funnels.unsaved : t.funnels.standard}
        tools={
          <>
            <Choices name={name} by={by} saved={editing ? [] : saved} />
            {!editing && <Buttons name={name} saved={saved.find((one) => one.name === name)} />}
          </>
        }
        name="funnel"
      >
        {funnel === undefined ? (
          <p class="muted">{t.funnels.tooFew(count(LEAST_STEPS))}</p>
        ) : (
          <Answered asked={asked} height={260}>
            {(answer) => <Stages figures={answer.total} />}
          </Answered>
        )}
      </Tile>
      {by !== "" && asked.data !== undefined && (
        <Kept asked={asked}>
          <Breakdown answer={asked.data} by={by} />
        </Kept>
      )}
    </Page>
  );
}
