/** Makes a funnel or changes one: each change is in the address and asked at once; it is saved when its reader says so. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { clone } from "../wire";
import { FunnelDefinitionSchema, FunnelEntity, FunnelOrder } from "@contract/funnel_service_pb.js";
import type { FunnelDefinition } from "@contract/funnel_service_pb.js";
import { CallError } from "../api/errors";
import { Tile } from "../components/basics";
import { Select } from "../components/Select";
import { say } from "../components/announce";
import { count } from "../format";
import { setParams } from "../state/address";
import { may } from "../state/session";
import { t } from "../text";
import { UNITS, askable, draftText, windowOf, withWindow } from "./funnelDraft";
import { Steps } from "./FunnelSteps";
import { FunnelConflict, saveFunnel } from "./funnelSaving";
import type { Base, Conflict } from "./funnelSaving";

/** Leaves the editor; the page shows the saved funnel of this name, or the one to begin with. */
export function leaveEditor(name: string): void {
  setParams({ funnel: name, draft: undefined, base: undefined });
}

interface RulesProps {
  draft: FunnelDefinition;
  change: (next: FunnelDefinition) => void;
}

function Rules({ draft, change }: RulesProps): JSX.Element {
  const set = (edit: (next: FunnelDefinition) => void): void => {
    const next = clone(FunnelDefinitionSchema, draft);
    edit(next);
    change(next);
  };
  return (
    <div class="filters">
      <label>
        {t.funnels.who}{" "}
        <Select
          value={String(draft.entity || FunnelEntity.LEAD)}
          options={[FunnelEntity.LEAD, FunnelEntity.USER, FunnelEntity.CONVERSATION].map((one) => [
            String(one),
            t.funnels.entities[one] ?? "",
          ])}
          choose={(entity) => {
            set((next) => {
              next.entity = Number(entity);
            });
          }}
        />
      </label>
      <label>
        {t.funnels.order}{" "}
        <Select
          value={String(draft.order || FunnelOrder.IN_ORDER)}
          options={[FunnelOrder.IN_ORDER, FunnelOrder.ANY_ORDER].map((one) => [
            String(one),
            t.funnels.orders[one] ?? "",
          ])}
          choose={(order) => {
            set((next) => {
              next.order = Number(order);
            });
          }}
        />
      </label>
      <Window draft={draft} change={change} />
    </div>
  );
}

function Window({ draft, change }: RulesProps): JSX.Element {
  const { amount, unit } = windowOf(draft);
  return (
    <>
      <label>
        {t.funnels.within}{" "}
        <input
          type="number"
          class="amount"
          min={1}
          value={amount}
          onChange={(event) => {
            const next = event.currentTarget.valueAsNumber;
            if (next >= 1) change(withWindow(draft, next, unit));
          }}
        />
      </label>
      <Select
        label={t.funnels.unit}
        value={String(unit)}
        options={UNITS.map((one) => [String(one), t.funnels.units[one] ?? ""])}
        choose={(next) => {
          change(withWindow(draft, amount, Number(next)));
        }}
      />
    </>
  );
}

function ConflictNotice({ what, base, retry }: { what: Conflict; base: Base; retry: () => void }): JSX.Element {
  return (
    <div class="notice" role="alert">
      <p>{what === "changed" ? t.funnels.changed(base.name) : t.funnels.gone(base.name)}</p>
      <p class="filters">
        {what === "changed" ? (
          <button
            type="button"
            onClick={() => {
              leaveEditor(base.name);
            }}
          >
            {t.funnels.openNewest}
          </button>
        ) : (
          <button type="button" onClick={retry}>
            {t.funnels.saveAgain}
          </button>
        )}
      </p>
    </div>
  );
}

type Problem = "" | Conflict | CallError;

interface SaveProps {
  draft: FunnelDefinition;
  base: Base | undefined;
}

interface Saving {
  problem: Problem;
  saving: boolean;
  save: (over: Base | undefined) => Promise<void>;
}

function useSaving(name: string, asked: FunnelDefinition | undefined): Saving {
  const [problem, setProblem] = useState<Problem>("");
  const [saving, setSaving] = useState(false);
  const save = async (over: Base | undefined): Promise<void> => {
    if (asked === undefined || name === "") return;
    setSaving(true);
    try {
      await saveFunnel(name, asked, over);
      say(t.settings.saved);
      leaveEditor(name);
    } catch (error) {
      if (error instanceof FunnelConflict) setProblem(error.what);
      else setProblem(error instanceof CallError ? error : new CallError("internal", String(error)));
    } finally {
      setSaving(false);
    }
  };
  return { problem, saving, save };
}

function Save({ draft, base }: SaveProps): JSX.Element {
  const [typed, setTyped] = useState(base?.name ?? "");
  const name = typed.trim();
  const asked = askable(draft);
  const { problem, saving, save } = useSaving(name, asked);
  const ready = asked !== undefined && name !== "" && !saving;
  return (
    <form
      class="save-funnel"
      onSubmit={(event) => {
        event.preventDefault();
        void save(base);
      }}
    >
      <div class="filters">
        <label>
          {t.funnels.name}{" "}
          <input
            name="funnel-name"
            value={typed}
            maxLength={100}
            required
            onInput={(event) => {
              setTyped(event.currentTarget.value);
            }}
          />
        </label>
        <button type="submit" class="primary" disabled={!ready}>
          {t.dashboards.save}
        </button>
        {base !== undefined && (
          <button type="button" disabled={!ready || name === base.name} onClick={() => void save(undefined)}>
            {t.funnels.saveNew}
          </button>
        )}
      </div>
      <p class="small muted">{t.funnels.everybody}</p>
      {(problem === "changed" || problem === "gone") && base !== undefined && (
        <ConflictNotice what={problem} base={base} retry={() => void save(undefined)} />
      )}
      {problem instanceof CallError && (
        <p class="bad" role="alert">
          {problem.reason === "FUNNEL_EXISTS" ? t.funnels.exists(name) : problem.message}
        </p>
      )}
    </form>
  );
}

/** The editor. */
export default function FunnelEditor({ draft, base }: SaveProps): JSX.Element {
  const change = (next: FunnelDefinition): void => {
    setParams({ draft: draftText(next) }, { replace: true });
  };
  return (
    <Tile
      title={base === undefined ? t.funnels.make : t.funnels.change(base.name)}
      tools={
        <button
          type="button"
          class="link"
          onClick={() => {
            leaveEditor(base?.name ?? "");
          }}
        >
          {t.dashboards.cancel}
        </button>
      }
      name="editor"
    >
      <Rules draft={draft} change={change} />
      <Steps draft={draft} change={change} />
      {askable(draft) === undefined && <p class="muted">{t.funnels.tooFew(count(2))}</p>}
      {may("admin") ? <Save draft={draft} base={base} /> : <p class="small muted">{t.funnels.needsAdmin}</p>}
    </Tile>
  );
}
