/** What most rules of alerts leave to the service: recovery, samples, endings, reminders, time zone, mute windows. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { MuteWindow } from "@contract/alert_service_pb.js";
import { Select } from "../components/Select";
import { ZoneList } from "../components/Toolbar";
import { session } from "../state/session";
import { t } from "../text";
import type { Part } from "./AlertFields";
import { NumberField, Problem, SpanField, TextField } from "./AlertInputs";
import { isOfMore } from "./alertProblems";
import type { FieldId } from "./alertProblems";
import { MOST_MUTES, newMute, saysMore, whole } from "./alertRules";
import { CLOSES, DELAYS, MUTES, REMINDERS, inMinutes, minutes, spanChoices } from "./alertSpans";

const ZONES = "alert-zones";

function Judging({ draft, set }: Part): JSX.Element | null {
  if (draft.kind === "absence") return null;
  return (
    <>
      <NumberField
        id="hysteresis"
        hint={t.alerts.hysteresisHint}
        min="0"
        value={draft.hysteresis}
        unset={0}
        put={(hysteresis = 0) => {
          set({ hysteresis });
        }}
      />
      <NumberField
        id="samples"
        hint={t.alerts.samplesHint}
        min="0"
        step="1"
        value={draft.samples}
        unset={0}
        put={(samples = 0) => {
          set({ samples: whole(samples) });
        }}
      />
    </>
  );
}

function Times({ draft, set }: Part): JSX.Element {
  return (
    <>
      <SpanField
        id="close"
        among={CLOSES}
        none={t.alerts.never}
        value={draft.close}
        choose={(close) => {
          set({ close });
        }}
      />
      <SpanField
        id="remind"
        hint={t.alerts.remindHint}
        among={REMINDERS}
        none={t.alerts.never}
        value={draft.remind}
        choose={(remind) => {
          set({ remind });
        }}
      />
      <SpanField
        id="delay"
        among={DELAYS}
        none={t.alerts.notAtAll}
        value={draft.delay}
        choose={(delay) => {
          set({ delay });
        }}
      />
      <TextField
        id="timeZone"
        hint={t.alerts.timeZoneHint}
        list={ZONES}
        placeholder={session.value?.organization?.timeZone ?? ""}
        value={draft.timeZone}
        put={(text) => {
          set({ timeZone: text.trim() });
        }}
      />
    </>
  );
}

function Mute({
  mute,
  put,
  remove,
}: {
  mute: MuteWindow;
  put: (part: Partial<MuteWindow>) => void;
  remove: () => void;
}): JSX.Element {
  return (
    <li class="mute">
      <input
        type="text"
        aria-label={t.alerts.cron}
        title={t.alerts.cron}
        placeholder="0 22 * * *"
        spellcheck={false}
        autocomplete="off"
        value={mute.cron}
        onInput={(event) => {
          put({ cron: event.currentTarget.value });
        }}
      />
      <Select
        label={t.alerts.lasts}
        value={String(inMinutes(mute.duration))}
        options={spanChoices(MUTES, inMinutes(mute.duration))}
        choose={(n) => {
          put({ duration: minutes(Number(n)) });
        }}
      />
      <input
        type="text"
        list={ZONES}
        aria-label={t.alerts.timeZone}
        title={t.alerts.timeZone}
        placeholder={t.alerts.timeZone}
        spellcheck={false}
        autocomplete="off"
        value={mute.timeZone}
        onInput={(event) => {
          put({ timeZone: event.currentTarget.value.trim() });
        }}
      />
      <button
        type="button"
        class="remove"
        aria-label={t.alerts.removeMute}
        title={t.alerts.removeMute}
        onClick={remove}
      >
        ✕
      </button>
    </li>
  );
}

function Mutes({ draft, set }: Part): JSX.Element {
  const { mutes } = draft;
  return (
    <>
      <span id="alert-mutes">{t.alerts.mutes}</span>
      <div role="group" aria-labelledby="alert-mutes" aria-describedby="alert-mutes-hint alert-mutes-problem">
        <ul class="mutes">
          {mutes.map((one, place) => (
            <Mute
              key={place}
              mute={one}
              put={(part) => {
                set({ mutes: mutes.map((mute, i) => (i === place ? { ...mute, ...part } : mute)) });
              }}
              remove={() => {
                set({ mutes: mutes.filter((_, i) => i !== place) });
              }}
            />
          ))}
        </ul>
        <button
          type="button"
          disabled={mutes.length >= MOST_MUTES}
          onClick={() => {
            set({ mutes: [...mutes, newMute()] });
          }}
        >
          {t.alerts.addMute}
        </button>
        <p id="alert-mutes-hint" class="muted small">
          {t.alerts.mutesHint}
        </p>
        <Problem id="mutes" />
      </div>
    </>
  );
}

/** The part of the form that is open where a rule says something in it, or something in it is wrong. */
export function More({ draft, set, wrong }: Part & { wrong: FieldId | undefined }): JSX.Element {
  const [open, setOpen] = useState(saysMore(draft));
  useEffect(() => {
    if (isOfMore(wrong)) setOpen(true);
  }, [wrong]);
  return (
    <details
      class="wide"
      open={open}
      onToggle={(event) => {
        setOpen(event.currentTarget.open);
      }}
    >
      <summary>{t.alerts.more}</summary>
      <div class="form">
        <Judging draft={draft} set={set} />
        <Times draft={draft} set={set} />
        <Mutes draft={draft} set={set} />
        <ZoneList id={ZONES} />
      </div>
    </details>
  );
}
