/** The settings of one block of a report. What can be chosen of an answer comes from the answer itself. */
import type { JSX } from "preact";
import type { QueryMetricsRequest } from "@contract/metrics_service_pb.js";
import type { Report, ReportBlock } from "@contract/report_service_pb.js";
import { FunnelService } from "@contract/funnel_service_pb.js";
import { useQuestion } from "../api/question";
import { Select } from "../components/Select";
import { DIMENSIONS } from "../components/dimensions";
import { METRICS, metricInfo } from "../contract";
import { t } from "../text";
import { titleOf } from "../reports/columns";
import { blockTitle, metricsOf, partOf } from "../reports/blockNames";
import { QUESTIONS, newBlock, setMetrics, withOptions } from "../reports/editing";
import type { Question } from "../reports/editing";
import { useBlock } from "./ReportPreview";

interface SettingsProps {
  report: Report;
  block: ReportBlock;
  change: (edit: (block: ReportBlock) => void, what?: string) => void;
}

const ROWS = [5, 10, 15, 20, 25, 50, 100] as const;
const MOST_METRICS = 20;

function Words({ block, change }: SettingsProps): JSX.Element {
  return (
    <>
      <label for="block-title">{t.reports.title}</label>
      <input
        id="block-title"
        value={block.title}
        placeholder={blockTitle({ ...block, title: "" })}
        maxLength={200}
        onInput={(event) => {
          const { value } = event.currentTarget;
          change((next) => {
            next.title = value;
          }, "title");
        }}
      />
      <label for="block-note">{block.kind === "text" ? t.dashboards.text : t.reports.note}</label>
      <textarea
        id="block-note"
        rows={block.kind === "text" ? 6 : 2}
        maxLength={4000}
        value={block.note}
        onInput={(event) => {
          const { value } = event.currentTarget;
          change((next) => {
            next.note = value;
          }, "note");
        }}
      />
    </>
  );
}

/** What the block asks; another question begins with its own defaults. */
function AsksWhat({ block, change }: SettingsProps): JSX.Element | null {
  const own = block.question.case;
  const questions = [...new Set([...(QUESTIONS[block.kind] ?? []), ...(own === undefined ? [] : [own])])];
  if (own === undefined || questions.length < 2) return null;
  return (
    <>
      <label for="block-question">{t.reports.question}</label>
      <Select
        id="block-question"
        value={own}
        options={questions.map((one) => [one, t.reports.questions[one] ?? one])}
        choose={(name) => {
          change((next) => {
            next.question = newBlock(block.kind, name as Question).question;
            delete next.options;
          });
        }}
      />
    </>
  );
}

function ByWhat({ block, change }: SettingsProps): JSX.Element | null {
  const { question } = block;
  if (question.case !== "query" || question.value.groupBy.length === 0) return null;
  const { groupBy, pageSize } = question.value;
  const rows = [...new Set([...ROWS, pageSize || 10])].sort((a, b) => a - b);
  const put = (edit: (query: QueryMetricsRequest) => void): void => {
    change((next) => {
      if (next.question.case === "query") edit(next.question.value);
    });
  };
  return (
    <>
      <label for="block-by">{t.dashboards.dimension}</label>
      <Select
        id="block-by"
        value={groupBy[0] ?? ""}
        options={[...new Set([...DIMENSIONS, groupBy[0] ?? ""])].map((name) => [name, t.dimensions[name] ?? name])}
        choose={(name) => {
          put((query) => {
            query.groupBy = [name];
          });
        }}
      />
      <label for="block-rows">{t.reports.mostRows}</label>
      <Select
        id="block-rows"
        value={String(pageSize || 10)}
        options={rows.map((one) => [String(one), String(one)])}
        choose={(size) => {
          put((query) => {
            query.pageSize = Number(size);
          });
        }}
      />
    </>
  );
}

function Metrics({ block, report, change }: SettingsProps): JSX.Element | null {
  const asked = useBlock(block, report);
  const { case: question } = block.question;
  if (question === undefined || question === "funnel") return null;
  const chosen = metricsOf(block);
  const any = question === "query" || question === "usageTrends";
  const tables = asked.data?.tables ?? [];
  const table =
    tables.find((one) => one.name === (partOf(block) || (block.kind === "figures" ? "figures" : ""))) ?? tables[0];
  const offered = any
    ? METRICS
    : (table?.columns ?? []).filter(({ unit }) => unit !== "" && unit !== "instant").map((one) => one.name);
  const put = (metrics: readonly string[]): void => {
    change((next) => {
      setMetrics(next, metrics);
    });
  };
  return (
    <div class="wide">
      <h3>{t.reports.figures}</h3>
      <ul class="chips">
        {chosen.map((name) => (
          <li key={name}>
            {titleOf(name)}{" "}
            <button
              type="button"
              class="remove"
              aria-label={`${t.dashboards.removeTile}: ${titleOf(name)}`}
              disabled={any && chosen.length === 1}
              onClick={() => {
                put(chosen.filter((one) => one !== name));
              }}
            >
              ×
            </button>
          </li>
        ))}
        {chosen.length === 0 && <li class="muted">{t.reports.allFigures}</li>}
      </ul>
      {chosen.length < MOST_METRICS && (
        <Select
          label={t.reports.addFigure}
          value=""
          options={[
            ["", t.reports.addFigure],
            ...offered.filter((name) => !chosen.includes(name)).map((name) => [name, nameOf(name)] as const),
          ]}
          choose={(name) => {
            if (name !== "") put([...chosen, name]);
          }}
        />
      )}
    </div>
  );
}

function nameOf(name: string): string {
  const { title } = metricInfo(name);
  return title === name ? titleOf(name) : title;
}

function Part({ block, report, change }: SettingsProps): JSX.Element | null {
  const tables = useBlock(block, report).data?.tables ?? [];
  const { case: question } = block.question;
  if (block.kind !== "table" || question === "query" || tables.length < 2) return null;
  return (
    <>
      <label for="block-part">{t.reports.part}</label>
      <Select
        id="block-part"
        value={partOf(block)}
        options={[["", t.reports.mainPart], ...tables.map(({ name }) => [name, titleOf(name)] as const)]}
        choose={(part) => {
          change((next) => {
            withOptions(next, { part: part === "" ? undefined : part, metrics: undefined });
          });
        }}
      />
    </>
  );
}

function Funnel({ block, change }: SettingsProps): JSX.Element | null {
  const isFunnel = block.question.case === "funnel";
  const saved = useQuestion(FunnelService.method.listFunnels, isFunnel ? {} : undefined).data?.funnels ?? [];
  if (block.question.case !== "funnel" || saved.length === 0) return null;
  const { funnel } = block.question.value;
  return (
    <>
      <label for="block-funnel">{t.funnels.choose}</label>
      <Select
        id="block-funnel"
        value={funnel.case === "name" ? funnel.value : ""}
        options={[["", t.funnels.standard], ...saved.map((one) => [one.name, one.name] as const)]}
        choose={(name) => {
          change((next) => {
            if (next.question.case !== "funnel") return;
            if (name === "") next.question = newBlock("funnel").question;
            else next.question.value.funnel = { case: "name", value: name };
          });
        }}
      />
    </>
  );
}

/** The form. */
export function BlockSettings(props: SettingsProps): JSX.Element {
  const { block, change } = props;
  return (
    <div class="form block-settings">
      <Words {...props} />
      <AsksWhat {...props} />
      <ByWhat {...props} />
      <Part {...props} />
      <Funnel {...props} />
      <Metrics {...props} />
      <label class="wide">
        <input
          type="checkbox"
          checked={block.options?.["page_break"] === true}
          onChange={(event) => {
            const on = event.currentTarget.checked;
            change((next) => {
              withOptions(next, { page_break: on ? true : undefined });
            });
          }}
        />{" "}
        {t.reports.newPage}
      </label>
    </div>
  );
}
