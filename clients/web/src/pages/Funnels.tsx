/** Leads, users and conversations through stages: who goes on, who is lost, and how long it takes. */
import type { JSX } from "preact";
import { FunnelService } from "@contract/funnel_service_pb.js";
import type { FunnelFigures, FunnelStageFigures } from "@contract/funnel_service_pb.js";
import { useQuestion } from "../api/question";
import { Page } from "../components/Page";
import { Answered, Empty, Tile } from "../components/basics";
import { Select } from "../components/Select";
import { Table } from "../components/Table";
import { num } from "../contract";
import { count, figure, percent } from "../format";
import { param, setParams } from "../state/address";
import { timeRange } from "../state/period";
import { t } from "../text";

const BREAKDOWNS = ["channel", "campaign", "agent", "team"] as const;

function standard(): { stages: { eventType: string; name: string }[] } {
  return {
    stages: [
      { eventType: "lead.created", name: t.funnels.created },
      { eventType: "lead.contacted", name: t.funnels.contacted },
      { eventType: "lead.converted", name: t.funnels.converted },
    ],
  };
}

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
        <Stage key={stage.name} stage={stage} cohort={cohort} next={stages[i + 1]} />
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

function Tools({ name, by }: { name: string; by: string }): JSX.Element {
  const saved = useQuestion(FunnelService.method.listFunnels, {}).data?.funnels ?? [];
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

/** The page. */
export default function Funnels(): JSX.Element {
  const name = param("funnel");
  const by = (BREAKDOWNS as readonly string[]).includes(param("by")) ? param("by") : "";
  const funnel =
    name === "" ? { case: "definition" as const, value: standard() } : { case: "name" as const, value: name };
  const asked = useQuestion(FunnelService.method.queryFunnel, {
    timeRange: timeRange.value,
    funnel,
    breakdown: by,
    top: 20,
  });
  return (
    <Page title={t.pages.funnels} compares={false} filters={false} context={asked.data?.context}>
      <Tile title={name === "" ? t.funnels.standard : name} tools={<Tools name={name} by={by} />}>
        <Answered asked={asked} height={260}>
          {(answer) => <Stages figures={answer.total} />}
        </Answered>
      </Tile>
      {by !== "" && asked.data !== undefined && (
        <Tile title={`${t.funnels.by} ${t.dimensions[by] ?? by}`}>
          <Rows
            by={by}
            names={(asked.data.total?.stages ?? []).map((one) => one.name)}
            rows={[
              ...asked.data.rows.map((row) => ({ id: row.value, figures: row.figures })),
              ...(asked.data.withoutValue === undefined ? [] : [{ id: "–", figures: asked.data.withoutValue }]),
            ]}
          />
        </Tile>
      )}
    </Page>
  );
}
