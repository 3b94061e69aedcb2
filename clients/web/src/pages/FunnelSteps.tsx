/** The steps of a funnel that is edited: what enters each, under which condition, and in which order. */
import type { JSX, RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { MetricsService } from "@contract/metrics_service_pb.js";
import type { FunnelDefinition, FunnelStage } from "@contract/funnel_service_pb.js";
import { create } from "../wire";
import { FunnelFilterSchema } from "@contract/funnel_service_pb.js";
import { useQuestion } from "../api/question";
import { Select } from "../components/Select";
import { say } from "../components/announce";
import { count } from "../format";
import { t } from "../text";
import { CONDITIONS, LEAST_STEPS, MOST_STEPS, changeStep, moveStep, withStep, withoutStep } from "./funnelDraft";

const STAGE_ENTERED = "lead.stage_entered";
const PROPERTY = "property";

/** The values of a dimension that exist, the most used first, for a field that suggests them. */
function Suggestions({ id, dimension }: { id: string; dimension: string }): JSX.Element {
  const values =
    useQuestion(MetricsService.method.listDimensionValues, { dimension, pageSize: 200 }).data?.values ?? [];
  return (
    <datalist id={id}>
      {values.map(({ value, displayName, events }) => (
        <option key={value} value={value} label={displayName === "" ? count(events) : displayName} />
      ))}
    </datalist>
  );
}

interface StepProps {
  stage: FunnelStage;
  index: number;
  change: (change: (stage: FunnelStage) => void) => void;
}

function valueText({ filter }: FunnelStage): string {
  return filter?.equals.value === undefined ? "" : String(filter.equals.value);
}

/** Puts the value into a condition, as a number or as yes or no where it reads like one and the path takes these. */
function setValue(stage: FunnelStage, text: string): void {
  if (stage.filter === undefined) return;
  const typed = stage.filter.path.includes(".");
  if (typed && (text === "true" || text === "false")) stage.filter.equals = { case: "truth", value: text === "true" };
  else if (typed && text.trim() !== "" && Number.isFinite(Number(text)))
    stage.filter.equals = { case: "number", value: Number(text) };
  else stage.filter.equals = { case: "text", value: text };
}

function Condition({ stage, index, change }: StepProps): JSX.Element {
  const path = stage.filter?.path ?? "";
  const known = (CONDITIONS as readonly string[]).includes(path);
  const kind = path === "" ? "" : known ? path : PROPERTY;
  const options = [
    ["", t.funnels.always],
    ...CONDITIONS.map((one) => [one, t.dimensions[one] ?? one] as const),
    [PROPERTY, t.funnels.property],
  ] as const;
  return (
    <>
      <Select
        label={`${t.funnels.step(count(index + 1))}: ${t.funnels.condition}`}
        value={kind}
        options={options}
        choose={(next) => {
          change((one) => {
            if (next === "") delete one.filter;
            else
              one.filter = create(FunnelFilterSchema, {
                path: next === PROPERTY ? "properties." : next,
                equals: { case: "text", value: "" },
              });
          });
        }}
      />
      {kind === PROPERTY && (
        <input
          aria-label={`${t.funnels.step(count(index + 1))}: ${t.funnels.path}`}
          title={t.funnels.pathHint}
          value={path}
          spellcheck={false}
          onChange={(event) => {
            const next = event.currentTarget.value;
            change((one) => {
              if (one.filter !== undefined) one.filter.path = next;
            });
          }}
        />
      )}
      {kind !== "" && (
        <label>
          ={" "}
          <input
            aria-label={`${t.funnels.step(count(index + 1))}: ${t.funnels.value}`}
            value={valueText(stage)}
            list={known ? `step-${String(index)}-values` : undefined}
            onChange={(event) => {
              const text = event.currentTarget.value;
              change((one) => {
                setValue(one, text);
              });
            }}
          />
          {known && <Suggestions id={`step-${String(index)}-values`} dimension={path} />}
        </label>
      )}
    </>
  );
}

function Fields({ stage, index, change }: StepProps): JSX.Element {
  const step = t.funnels.step(count(index + 1));
  return (
    <>
      <input
        class="event-type"
        aria-label={`${step}: ${t.funnels.eventType}`}
        placeholder={t.funnels.eventType}
        list="event-types"
        value={stage.eventType}
        maxLength={100}
        spellcheck={false}
        autocomplete="off"
        onChange={(event) => {
          const eventType = event.currentTarget.value.trim();
          change((one) => {
            one.eventType = eventType;
            if (eventType !== STAGE_ENTERED) one.leadStage = "";
          });
        }}
      />
      {stage.eventType === STAGE_ENTERED && (
        <input
          aria-label={`${step}: ${t.funnels.leadStage}`}
          placeholder={t.funnels.leadStage}
          value={stage.leadStage}
          onChange={(event) => {
            const leadStage = event.currentTarget.value.trim();
            change((one) => {
              one.leadStage = leadStage;
            });
          }}
        />
      )}
      <input
        aria-label={`${step}: ${t.funnels.stepName}`}
        placeholder={stage.leadStage || stage.eventType || t.funnels.stepName}
        value={stage.name}
        maxLength={100}
        onChange={(event) => {
          const name = event.currentTarget.value.trim();
          change((one) => {
            one.name = name;
          });
        }}
      />
      <Condition stage={stage} index={index} change={change} />
    </>
  );
}

function nameOf(stage: FunnelStage | undefined, index: number): string {
  return stage?.name || stage?.leadStage || stage?.eventType || t.funnels.step(count(index + 1));
}

interface MoveProps {
  name: string;
  index: number;
  all: number;
  move: (by: -1 | 1) => void;
  remove: () => void;
}

function Buttons({ name, index, all, move, remove }: MoveProps): JSX.Element {
  return (
    <span class="step-buttons">
      <button
        type="button"
        data-move="-1"
        aria-label={t.funnels.up(name)}
        title={t.funnels.up(name)}
        disabled={index === 0}
        onClick={() => {
          move(-1);
        }}
      >
        ↑
      </button>
      <button
        type="button"
        data-move="1"
        aria-label={t.funnels.down(name)}
        title={t.funnels.down(name)}
        disabled={index === all - 1}
        onClick={() => {
          move(1);
        }}
      >
        ↓
      </button>
      <button
        type="button"
        aria-label={t.funnels.removeStep(name)}
        title={t.funnels.removeStep(name)}
        disabled={all <= LEAST_STEPS}
        onClick={remove}
      >
        ×
      </button>
    </span>
  );
}

/** Moves the focus along with a step, to its other button where it has come to an end. */
function useFocusAlong(
  draft: FunnelDefinition,
): [RefObject<HTMLOListElement | null>, (to: number, by: -1 | 1) => void] {
  const list = useRef<HTMLOListElement>(null);
  const moved = useRef<{ to: number; by: -1 | 1 } | undefined>(undefined);
  useEffect(() => {
    const { current } = moved;
    moved.current = undefined;
    if (current === undefined) return;
    const row = list.current?.children[current.to];
    const same = row?.querySelector<HTMLButtonElement>(`[data-move="${String(current.by)}"]`);
    (same?.disabled === false ? same : row?.querySelector<HTMLButtonElement>("[data-move]:enabled"))?.focus();
  }, [draft]);
  return [
    list,
    (to, by) => {
      moved.current = { to, by };
    },
  ];
}

/** The steps, which the buttons beside each move. */
export function Steps({
  draft,
  change,
}: {
  draft: FunnelDefinition;
  change: (next: FunnelDefinition) => void;
}): JSX.Element {
  const [list, focusAlong] = useFocusAlong(draft);
  const all = draft.stages.length;
  const move = (index: number, by: -1 | 1): void => {
    focusAlong(index + by, by);
    change(moveStep(draft, index, index + by));
    say(t.dashboards.moved(nameOf(draft.stages[index], index), count(index + by + 1), count(all)));
  };
  return (
    <>
      <ol class="steps" ref={list}>
        {draft.stages.map((stage, index) => (
          <li key={index}>
            <Fields
              stage={stage}
              index={index}
              change={(one) => {
                change(changeStep(draft, index, one));
              }}
            />
            <Buttons
              name={nameOf(stage, index)}
              index={index}
              all={all}
              move={(by) => {
                move(index, by);
              }}
              remove={() => {
                change(withoutStep(draft, index));
              }}
            />
          </li>
        ))}
      </ol>
      <Suggestions id="event-types" dimension="event_type" />
      <button
        type="button"
        disabled={all >= MOST_STEPS}
        onClick={() => {
          change(withStep(draft));
        }}
      >
        {t.funnels.addStep}
      </button>
    </>
  );
}
