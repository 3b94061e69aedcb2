/** The builder of a report: what it is about, its blocks over a preview that follows, and how it is stored. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { ReportService } from "@contract/report_service_pb.js";
import type { Report, ReportBlock } from "@contract/report_service_pb.js";
import { CallError, problemOf } from "../api/errors";
import { askAnew, takeIn } from "../api/question";
import { call } from "../api/transport";
import { say } from "../components/announce";
import { Move, dragging, moveItem } from "../components/Move";
import { Popover, closePopover } from "../components/basics";
import { Select } from "../components/Select";
import { ms } from "../contract";
import { count, instant } from "../format";
import { setParams } from "../state/address";
import { zone } from "../state/period";
import { t } from "../text";
import { store } from "../reports/actions";
import { KINDS } from "../reports/blocks";
import { blockId, blockTitle } from "../reports/blockNames";
import { changeBlock, copyOf, differences, newBlock } from "../reports/editing";
import { BlockSettings } from "./BlockSettings";
import type { Draft } from "./draft";
import { ReportHead } from "./ReportHead";
import { Blocks } from "./ReportPreview";

const MOST_BLOCKS = 40;

interface EditorProps {
  /** The report as it is edited. */
  report: Report;
  /** The version that it was made from. */
  stored: Report;
  draft: Draft<Report>;
}

function AddBlock({ add }: { add: (block: ReportBlock) => void }): JSX.Element {
  const [kind, setKind] = useState<string>("figures");
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    add(newBlock(kind));
    closePopover(event);
  };
  return (
    <Popover id="add-block" label={t.reports.addBlock}>
      <form class="form" onSubmit={submit}>
        <label for="block-kind">{t.dashboards.kind}</label>
        <Select
          id="block-kind"
          value={kind}
          options={KINDS.map((one) => [one, t.reports.kinds[one] ?? one])}
          choose={setKind}
        />
        <button type="submit" class="primary wide">
          {t.reports.addBlock}
        </button>
      </form>
    </Popover>
  );
}

interface Conflict {
  newest: Report;
}

type Trouble = Conflict | CallError | undefined;

async function refusal(error: unknown, report: Report): Promise<Trouble> {
  const refused = error instanceof CallError ? error : new CallError("internal", problemOf(error));
  if (refused.reason !== "ETAG_MISMATCH") return refused;
  const { report: newest } = await call(ReportService.method.getReport, { reportId: report.reportId });
  return newest === undefined ? refused : { newest };
}

function openNewest(): void {
  askAnew(ReportService.method.getReport);
  askAnew(ReportService.method.listReports);
  setParams({ edit: undefined, version: undefined });
}

/** Stores a report, and shows it as it was stored, at once. */
async function keep(report: Report): Promise<void> {
  const { report: saved } = await call(ReportService.method.updateReport, { report });
  openNewest();
  if (saved !== undefined) takeIn(ReportService.method.getReport, { reportId: report.reportId }, { report: saved });
}

/** Somebody was faster: what differs, and three ways on. */
function Solve({
  report,
  newest,
  save,
}: {
  report: Report;
  newest: Report;
  save: (over: Report) => Promise<void>;
}): JSX.Element {
  const lines = differences(report, newest);
  return (
    <div class="wide notice" role="alert">
      <p class="bad">
        {t.reports.newer(count(newest.version), newest.updatedBy, instant(ms(newest.updatedAt), zone.value))}
      </p>
      {lines.length === 0 ? (
        <p>{t.reports.noDifference}</p>
      ) : (
        <>
          <p>{t.reports.differ}</p>
          <ul class="questions">
            {lines.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </>
      )}
      <p class="filters">
        <button type="button" onClick={openNewest}>
          {t.dashboards.openNewest}
        </button>
        <button
          type="button"
          onClick={() => {
            void save({ ...report, etag: newest.etag });
          }}
        >
          {t.reports.overwrite}
        </button>
        <button type="button" onClick={() => void store(copyOf(report, t.reports.copyTitle(report.title)))}>
          {t.dashboards.saveCopy}
        </button>
      </p>
    </div>
  );
}

function Bar({
  report,
  draft,
  setTrouble,
}: {
  report: Report;
  draft: Draft<Report>;
  setTrouble: (trouble: Trouble) => void;
}): JSX.Element {
  const changed = draft.steps.length > 0;
  const save = (): void => {
    keep(report).then(
      () => {
        setTrouble(undefined);
        say(t.settings.saved);
      },
      async (error: unknown) => {
        setTrouble(await refusal(error, report));
      },
    );
  };
  return (
    <div class="filters wide edit-bar">
      <AddBlock
        add={(block) => {
          if (report.blocks.length < MOST_BLOCKS) draft.change({ ...report, blocks: [...report.blocks, block] });
        }}
      />
      <button type="button" disabled={!changed} onClick={draft.undo}>
        {t.dashboards.undo}
      </button>
      <button type="button" class="primary" disabled={!changed} onClick={save}>
        {t.dashboards.save}
      </button>
      <button
        type="button"
        class="link"
        onClick={() => {
          setTrouble(undefined);
          setParams({ edit: undefined });
        }}
      >
        {changed ? t.dashboards.cancel : t.dashboards.done}
      </button>
    </div>
  );
}

function Settings({
  report,
  block,
  index,
  change,
}: {
  report: Report;
  block: ReportBlock;
  index: number;
  change: (blocks: ReportBlock[], what?: string) => void;
}): JSX.Element {
  const title = blockTitle(block);
  return (
    <Popover id={`block-${String(index)}`} label={t.reports.settings} title={`${t.reports.settings}: ${title}`}>
      <BlockSettings
        report={report}
        block={block}
        change={(edit, what) => {
          change(
            changeBlock(report.blocks, index, edit),
            what === undefined ? undefined : `${what} ${String(blockId(block))}`,
          );
        }}
      />
    </Popover>
  );
}

function BlockTools({
  report,
  block,
  index,
  moving,
  setMoving,
  change,
}: {
  report: Report;
  block: ReportBlock;
  index: number;
  moving: number | undefined;
  setMoving: (moving: number | undefined) => void;
  change: (blocks: ReportBlock[], what?: string) => void;
}): JSX.Element {
  const { blocks } = report;
  const title = blockTitle(block);
  const put = (to: number): number => {
    const place = Math.max(0, Math.min(blocks.length - 1, to));
    if (place !== index) change(moveItem(blocks, index, place));
    return place;
  };
  return (
    <>
      <Move
        index={index}
        title={title}
        moving={moving === index}
        setMoving={setMoving}
        move={(to) => {
          const place = put(to);
          setMoving(place);
          say(t.dashboards.moved(title, count(place + 1), count(blocks.length)));
        }}
        drag={dragging(index, put)}
      />
      <Settings report={report} block={block} index={index} change={change} />
      <button
        type="button"
        class="link"
        aria-label={`${t.dashboards.removeTile}: ${title}`}
        disabled={blocks.length === 1}
        title={blocks.length === 1 ? t.reports.lastBlock : undefined}
        onClick={() => {
          change(blocks.filter((_, i) => i !== index));
        }}
      >
        {t.dashboards.removeTile}
      </button>
    </>
  );
}

/** The builder. */
export default function ReportEditor({ report, stored: before, draft }: EditorProps): JSX.Element {
  const [trouble, setTrouble] = useState<Trouble>(undefined);
  const [moving, setMoving] = useState<number | undefined>(undefined);
  const save = async (over: Report): Promise<void> => {
    try {
      await keep(over);
      setTrouble(undefined);
    } catch (error) {
      setTrouble(await refusal(error, over));
    }
  };
  // An earlier version that is edited becomes the newest one: it is stored against the newest etag, which it has.
  return (
    <>
      <ReportHead report={report} stored={before} change={draft.change} />
      <Bar report={report} draft={draft} setTrouble={setTrouble} />
      {trouble instanceof CallError && (
        <p class="bad wide" role="alert">
          {trouble.message} <code>{trouble.reason}</code>
        </p>
      )}
      {trouble !== undefined && !(trouble instanceof CallError) && (
        <Solve report={report} newest={trouble.newest} save={save} />
      )}
      <Blocks
        report={report}
        tools={(block, index) => (
          <BlockTools
            report={report}
            block={block}
            index={index}
            moving={moving}
            setMoving={setMoving}
            change={(blocks, what) => {
              draft.change({ ...report, blocks }, what);
            }}
          />
        )}
      />
    </>
  );
}
