/** Period, comparison, zone, filter, and a link to all of it. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { MetricsService } from "@contract/metrics_service_pb.js";
import { t } from "../text";
import { days, instant } from "../format";
import { useQuestion } from "../api/question";
import {
  COMPARISONS,
  DIMENSIONS,
  RANGES,
  comparison,
  filter,
  href,
  misunderstood,
  place,
  range,
  setParams,
} from "../state/address";
import { period, timeRange, zone } from "../state/period";
import { dayOf, isZone } from "../state/zone";
import { say } from "./announce";
import { Popover, closePopover } from "./basics";

/** The period in words: its days, or for hours its instants. */
export function periodText(): string {
  const { days: whole, start, end } = period.value;
  if (whole !== undefined) return days(whole.from, whole.to);
  const style = { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" } as const;
  return `${instant(start, zone.value, style)} – ${instant(end, zone.value, style)}`;
}

function DayFields({
  name,
  from,
  to,
  put,
}: {
  name: string;
  from: string;
  to: string;
  put: (text: string) => void;
}): JSX.Element {
  const first = useRef<HTMLInputElement>(null);
  const last = useRef<HTMLInputElement>(null);
  const show = (event: SubmitEvent): void => {
    event.preventDefault();
    const [a = "", b = ""] = [first.current?.value ?? "", last.current?.value ?? ""].sort();
    if (a === "" || b === "") return;
    put(`${a}..${b}`);
    closePopover(event);
  };
  return (
    <form class="days" onSubmit={show}>
      <label>
        {t.toolbar.from} <input ref={first} type="date" name={`${name}-from`} value={from} required />
      </label>
      <label>
        {t.toolbar.to} <input ref={last} type="date" name={`${name}-to`} value={to} required />
      </label>
      <button type="submit">{t.toolbar.show}</button>
    </form>
  );
}

const LETTERS: Readonly<Record<string, string>> = {
  today: "D",
  yesterday: "E",
  "24h": "H",
  "7d": "W",
  "28d": "F",
  "90d": "N",
  month: "M",
  lastmonth: "P",
  year: "Y",
};

/** Which range each letter chooses. */
export const RANGE_OF_LETTER: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(LETTERS).map(([name, letter]) => [letter.toLowerCase(), name]),
);

function PeriodMenu(): JSX.Element {
  const name = range.value;
  const known = name in t.ranges;
  const today = dayOf(period.value.end - 1, zone.value);
  return (
    <Popover
      id="period"
      buttonClass="control"
      class="menu"
      label={
        <>
          <span class="hidden">{t.toolbar.period}: </span>
          <b>{known ? t.ranges[name] : t.ranges["days"]}</b> <span class="muted">{periodText()}</span>
        </>
      }
    >
      {RANGES.map((one) => (
        <button
          key={one}
          type="button"
          class="item"
          aria-pressed={one === name}
          onClick={(event) => {
            setParams({ range: one === "28d" ? undefined : one });
            closePopover(event);
          }}
        >
          {t.ranges[one]} <kbd>{LETTERS[one]}</kbd>
        </button>
      ))}
      <DayFields
        name="range"
        from={period.value.days?.from ?? dayOf(period.value.start, zone.value)}
        to={period.value.days?.to ?? today}
        put={(text) => {
          setParams({ range: text });
        }}
      />
    </Popover>
  );
}

function ComparisonMenu(): JSX.Element {
  const name = comparison.value;
  const custom = name.includes("..");
  const [from = "", to = ""] = custom ? name.split("..") : [];
  return (
    <Popover
      id="comparison"
      buttonClass="control"
      class="menu"
      label={
        <>
          <span class="hidden">{t.toolbar.comparison}: </span>
          {custom ? t.comparisons["days"] : t.comparisons[name]}
        </>
      }
    >
      {COMPARISONS.map((one) => (
        <button
          key={one}
          type="button"
          class="item"
          aria-pressed={one === name}
          onClick={(event) => {
            setParams({ cmp: one === "previous" ? undefined : one });
            closePopover(event);
          }}
        >
          {t.comparisons[one]}
        </button>
      ))}
      <DayFields
        name="cmp"
        from={from}
        to={to}
        put={(text) => {
          setParams({ cmp: text });
        }}
      />
    </Popover>
  );
}

/** All zones that the browser knows, for a list to choose from. */
export function zones(): readonly string[] {
  return ["UTC", ...Intl.supportedValuesOf("timeZone")];
}

/** The zones, for an input that names this list. */
export function ZoneList({ id }: { id: string }): JSX.Element {
  return (
    <datalist id={id}>
      {zones().map((name) => (
        <option key={name} value={name} />
      ))}
    </datalist>
  );
}

function ZoneField(): JSX.Element {
  const [wanted, setWanted] = useState<string | undefined>(undefined);
  const choose = (text: string): void => {
    setWanted(undefined);
    if (isZone(text) && text !== zone.value) setParams({ tz: text });
  };
  return (
    <>
      <input
        class="control zone"
        list="zones"
        aria-label={t.toolbar.zone}
        spellcheck={false}
        autocomplete="off"
        value={wanted ?? zone.value}
        title={zone.value}
        onFocus={(event) => {
          event.currentTarget.select();
        }}
        onInput={(event) => {
          setWanted(event.currentTarget.value);
        }}
        onChange={(event) => {
          choose(event.currentTarget.value);
        }}
        onBlur={() => {
          setWanted(undefined);
        }}
      />
      <datalist id="zones">
        {wanted !== undefined && zones().map((name) => <option key={name} value={name} />)}
      </datalist>
    </>
  );
}

function Values({ dimension, prefix }: { dimension: string; prefix: string }): JSX.Element {
  const asked = useQuestion(MetricsService.method.listDimensionValues, {
    dimension,
    prefix,
    timeRange: timeRange.value,
    pageSize: 20,
  });
  return (
    <div class={asked.stale ? "old" : ""}>
      {(asked.data?.values ?? []).map(({ value, displayName }) => (
        <button
          key={value}
          type="button"
          class="item"
          onClick={(event) => {
            setParams({
              ...Object.fromEntries(DIMENSIONS.map((one) => [one, undefined])),
              [dimension]: value,
            });
            closePopover(event);
          }}
        >
          {displayName || value}{" "}
          {displayName !== "" && displayName !== value && <span class="muted small">{value}</span>}
        </button>
      ))}
      {asked.data?.values.length === 0 && <p class="muted">{t.table.empty}</p>}
    </div>
  );
}

function FilterChooser(): JSX.Element {
  const [dimension, setDimension] = useState<string>("agent");
  const [prefix, setPrefix] = useState("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  return (
    <>
      <div class="tabs" role="group" aria-label={t.toolbar.filterBy}>
        {DIMENSIONS.map((one) => (
          <button
            key={one}
            type="button"
            aria-pressed={one === dimension}
            onClick={() => {
              setDimension(one);
            }}
          >
            {t.dimensions[one]}
          </button>
        ))}
      </div>
      <input
        ref={field}
        id="find-agent"
        type="search"
        aria-label={t.toolbar.filterBy}
        value={prefix}
        onInput={(event) => {
          setPrefix(event.currentTarget.value);
        }}
      />
      <Values dimension={dimension} prefix={prefix} />
    </>
  );
}

function FilterMenu(): JSX.Element {
  const chosen = filter.value;
  const label =
    chosen === undefined ? t.toolbar.everything : `${t.dimensions[chosen.dimension] ?? ""}: ${chosen.value}`;
  return (
    <span class="filter">
      <Popover
        id="filter"
        buttonClass={`control${chosen === undefined ? "" : " chosen"}`}
        class="menu"
        label={
          <>
            <span class="hidden">{t.toolbar.filter}: </span>
            {label}
          </>
        }
      >
        <FilterChooser />
      </Popover>
      {chosen !== undefined && (
        <button
          type="button"
          class="remove"
          aria-label={t.toolbar.remove(chosen.value)}
          onClick={() => {
            setParams({ [chosen.dimension]: undefined });
          }}
        >
          ×
        </button>
      )}
    </span>
  );
}

function copy(address: string): void {
  navigator.clipboard.writeText(new URL(address, location.href).href).then(
    () => {
      say(t.toolbar.copied);
    },
    () => {
      prompt(t.toolbar.copy, new URL(address, location.href).href);
    },
  );
}

function LinkMenu(): JSX.Element {
  const { days: whole } = period.value;
  const fixed = whole === undefined ? undefined : `${whole.from}..${whole.to}`;
  const { path } = place.value;
  return (
    <Popover id="link" buttonClass="link" class="menu" label={t.toolbar.copy}>
      <button
        type="button"
        class="item"
        onClick={(event) => {
          copy(href(path, { tz: zone.value }));
          closePopover(event);
        }}
      >
        {t.toolbar.copyRelative}
      </button>
      {fixed !== undefined && (
        <button
          type="button"
          class="item"
          onClick={(event) => {
            copy(href(path, { range: fixed, tz: zone.value }));
            closePopover(event);
          }}
        >
          {t.toolbar.copyFixed}
        </button>
      )}
    </Popover>
  );
}

/** The toolbar of a page. */
export function Toolbar({ compares = true, filters = true }: { compares?: boolean; filters?: boolean }): JSX.Element {
  return (
    <div class="toolbar" role="group" aria-label={t.toolbar.period}>
      <PeriodMenu />
      {compares && <ComparisonMenu />}
      <ZoneField />
      {filters && <FilterMenu />}
      <LinkMenu />
      {misunderstood.value.length > 0 && (
        <p class="stale" role="status">
          {t.toolbar.unknown(misunderstood.value.join(", "))}
        </p>
      )}
    </div>
  );
}
