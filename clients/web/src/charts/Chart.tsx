/** A chart with legend, tooltip, keyboard and its figures as a table. */
import type { JSX, RefObject } from "preact";
import { useEffect, useId, useMemo, useRef, useState } from "preact/hooks";
import { t } from "../text";
import { ABSENT, COMPACT_FROM, count, figure, shown } from "../format";
import { Draw } from "./draw";
import { bucketName, bucketTick } from "./labels";
import { usePointing } from "./pointing";
import type { Pointing } from "./pointing";
import { prepare } from "./prepare";
import type { Scale } from "./scale";
import type { Bucket, ChartLimit, ChartSeries, Expected, Prepared } from "./prepare";

export interface ChartProps {
  /** What the chart shows, for those who do not see it. */
  name: string;
  kind?: "line" | "bars";
  buckets: readonly Bucket[];
  earlierBuckets?: readonly Bucket[] | undefined;
  earlierName?: string | undefined;
  series: readonly ChartSeries[];
  unit: string;
  zone: string;
  height?: number;
  /** Lines across the chart at some figures. */
  limits?: readonly ChartLimit[] | undefined;
  /** How many series there are in all, where fewer are drawn. */
  all?: number | undefined;
  /** Opens a bucket, by click or Enter. */
  onOpen?: ((bucket: Bucket) => void) | undefined;
  /** Chooses the buckets from one to another, by dragging. */
  onSelect?: ((first: Bucket, last: Bucket) => void) | undefined;
}

const CHARACTER = 6.7;

function useWidth(): [RefObject<HTMLDivElement | null>, number] {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const { current } = box;
    if (current === null) return undefined;
    setWidth(Math.floor(current.clientWidth));
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(Math.floor(entry.contentRect.width));
    });
    observer.observe(current);
    return () => {
      observer.disconnect();
    };
  }, []);
  return [box, width];
}

function nearest(prepared: Prepared, x: number): number {
  let best = 0;
  prepared.centers.forEach((center, i) => {
    if (Math.abs(center - x) < Math.abs((prepared.centers[best] ?? 0) - x)) best = i;
  });
  return best;
}

function partialWord(bucket: Bucket | undefined): string {
  return bucket?.partial === "running" ? t.chart.running : bucket?.partial === "cut" ? t.chart.cut : "";
}

/** What is said about a bucket, of all series. */
function remarksAt(props: ChartProps, index: number): string[] {
  return props.series.flatMap((one) => one.remarks?.get(index) ?? []);
}

interface Row {
  key: string;
  label: string;
  color: number;
  earlier: boolean;
  text: string;
}

/** What is expected, with its interval. */
function expectedText({ point, low, high }: Expected, unit: string): string {
  return `${figure(point, unit)} (${figure(low, unit)} – ${figure(high, unit)})`;
}

/** Tells whether nothing has happened yet in a bucket, which is only expected. */
function isAhead({ series }: ChartProps, index: number): boolean {
  return series.some((one) => one.ahead?.[index]) && series.every((one) => index >= one.values.length);
}

function rowsAt(props: ChartProps, index: number): Row[] {
  const rows: Row[] = [];
  for (const one of props.series) {
    if (!isAhead(props, index))
      rows.push({
        key: one.key,
        label: one.label,
        color: one.color,
        earlier: false,
        text: figure(one.values[index], props.unit),
      });
    const ahead = one.ahead?.[index];
    if (ahead !== null && ahead !== undefined) {
      rows.push({
        key: `${one.key}-a`,
        label: t.chart.expected,
        color: one.color,
        earlier: false,
        text: expectedText(ahead, props.unit),
      });
    }
    const before = (props.earlierBuckets ?? [])[index];
    if (one.earlier !== undefined && before !== undefined) {
      rows.push({
        key: `${one.key}-e`,
        label: bucketName(before, props.zone),
        color: one.color,
        earlier: true,
        text: figure(one.earlier[index], props.unit),
      });
    }
  }
  return rows;
}

function Tooltip({
  props,
  prepared,
  index,
  width,
}: {
  props: ChartProps;
  prepared: Prepared;
  index: number;
  width: number;
}): JSX.Element | null {
  const bucket = props.buckets[index];
  if (bucket === undefined) return null;
  const x = prepared.centers[index] ?? 0;
  const toLeft = x > width / 2;
  const word = partialWord(bucket);
  return (
    <div
      class="tooltip"
      style={
        toLeft ? { right: `${String(width - x + 12)}px`, top: "0px" } : { left: `${String(x + 12)}px`, top: "0px" }
      }
    >
      <b>{bucketName(bucket, props.zone)}</b> {word !== "" && <span class="so-far">{word}</span>}
      <table>
        <tbody>
          {rowsAt(props, index).map((row) => (
            <tr key={row.key}>
              <td>
                <i class={`key c${String(row.color)}${row.earlier ? " earlier" : ""}`} /> {row.label}
              </td>
              <td class="number">{row.text}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {remarksAt(props, index).map((text) => (
        <p key={text} class="remark">
          {text}
        </p>
      ))}
      {props.onOpen !== undefined && !isAhead(props, index) && <span class="muted">{t.chart.open}</span>}
    </div>
  );
}

function FigureTable({ props }: { props: ChartProps }): JSX.Element {
  const hasEarlier = props.series.some((one) => one.earlier !== undefined);
  return (
    <div class="scroll figures" tabIndex={0} role="region" aria-label={props.name}>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{t.chart.time}</th>
            {props.series.map((one) => (
              <th key={one.key} scope="col" class="number">
                {one.label}
              </th>
            ))}
            {hasEarlier && (
              <th scope="col" class="number">
                {props.earlierName ?? t.chart.earlier}
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {props.buckets.map((bucket, i) => (
            <tr key={bucket.start}>
              <th scope="row">
                {bucketName(bucket, props.zone)}{" "}
                {partialWord(bucket) !== "" && <span class="so-far">{partialWord(bucket)}</span>}
                {remarksAt(props, i).map((text) => (
                  <span key={text} class="remark">
                    {text}
                  </span>
                ))}
              </th>
              {props.series.map((one) => (
                <td key={one.key} class="number">
                  {figure(one.values[i], props.unit)}
                  {one.ahead?.[i] && <span class="muted"> {expectedText(one.ahead[i], props.unit)}</span>}
                </td>
              ))}
              {hasEarlier && <td class="number">{figure(props.series[0]?.earlier?.[i], props.unit)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Legend({ props, asTable, toggle }: { props: ChartProps; asTable: boolean; toggle: () => void }): JSX.Element {
  const first = props.series[0];
  // "Others" is no series of its own.
  const named = props.series.filter((one) => one.color !== 0).length;
  return (
    <div class="legend">
      <span>
        {props.series.map((one) => (
          <span key={one.key} class="legend-key">
            <i class={`key c${String(one.color)}`} /> {one.label}
          </span>
        ))}
        {first?.earlier !== undefined && (
          <span class="legend-key">
            <i class={`key c${String(first.color)} earlier`} /> {props.earlierName ?? t.chart.earlier}
          </span>
        )}
        {props.all !== undefined && props.all > named && (
          <span class="legend-key">{t.chart.shown(named, count(props.all))}</span>
        )}
      </span>
      <button
        type="button"
        class="link"
        aria-pressed={asTable}
        aria-label={`${t.chart.table}: ${props.name}`}
        onClick={toggle}
      >
        {t.chart.table}
      </button>
    </div>
  );
}

/** Tells whether there is nothing to draw: no figure, or bars without any height. */
function isEmpty({ series, kind, unit }: ChartProps): boolean {
  // Counts of 0 are nothing; a rate of 0 is something.
  const zeroIsNothing = kind === "bars" || unit === "1" || unit === "micros";
  return series.every((one) => one.values.every((value) => value === null || (zeroIsNothing && value === 0)));
}

/** Text of a figure on the axis, spelled as all of the axis is: 50k below 100k. */
function axisText(value: number, unit: string, high: number): string {
  const { text, unit: small } = shown(value, unit, { from: high >= COMPACT_FROM ? 1 : COMPACT_FROM });
  return small === "" || value === 0 ? text : `${text} ${small}`;
}

function labelRoom({ unit }: ChartProps, { high, ticks }: Scale): number {
  const longest = Math.max(...ticks.map((value) => axisText(value, unit, high).length));
  return Math.max(24, longest * CHARACTER + 14);
}

/** What a screen reader says of the active point. */
function readingOf(props: ChartProps, active: number | undefined): string {
  const bucket = active === undefined ? undefined : props.buckets[active];
  if (active === undefined || bucket === undefined) return "";
  const figures = rowsAt(props, active).map(
    (row) => `${row.label} ${row.text === ABSENT ? t.chart.noFigure : row.text}`,
  );
  const said = [figures.join(", "), ...remarksAt(props, active)].join(". ");
  return `${bucketName(bucket, props.zone)} ${partialWord(bucket)}: ${said}`;
}

interface PictureProps {
  props: ChartProps;
  prepared: Prepared;
  pointing: Pointing;
  width: number;
  height: number;
  helpId: string;
}

function Picture({ props, prepared, pointing, width, height, helpId }: PictureProps): JSX.Element {
  const { buckets, zone, unit } = props;
  return (
    <svg
      class={props.onOpen === undefined ? "chart-svg" : "chart-svg opens"}
      width={width}
      height={height}
      viewBox={`0 0 ${String(width)} ${String(height)}`}
      role="application"
      aria-roledescription="chart"
      aria-label={props.name}
      aria-describedby={helpId}
      tabIndex={0}
      {...pointing.handlers}
    >
      <Draw
        prepared={prepared}
        active={pointing.active}
        selection={pointing.selection}
        xText={(index) => bucketTick(buckets[index], zone, buckets)}
        yText={(value) => axisText(value, unit, prepared.y.high)}
      />
    </svg>
  );
}

function usePrepared(props: ChartProps, width: number, height: number): Prepared {
  const { buckets, earlierBuckets, series, unit, zone, kind, limits } = props;
  return useMemo(() => {
    const input = { ...props, kind: kind ?? "line", width: Math.max(width, 200), height };
    return prepare(input, labelRoom(props, prepare(input, 40).y));
  }, [buckets, earlierBuckets, series, unit, zone, width, height, kind, limits]);
}

/** A chart. It is one stop of the keyboard: arrows read points, Enter opens one, Escape leaves. */
export function Chart(props: ChartProps): JSX.Element {
  const { buckets, height = 220 } = props;
  const [box, width] = useWidth();
  const [asTable, setAsTable] = useState(false);
  const id = useId();
  const prepared = usePrepared(props, width, height);
  const pointing = usePointing(props, (event) =>
    nearest(prepared, event.clientX - (box.current?.getBoundingClientRect().left ?? 0)),
  );
  const { active } = pointing;
  return (
    <div class="chart">
      <Legend
        props={props}
        asTable={asTable}
        toggle={() => {
          setAsTable(!asTable);
        }}
      />
      {asTable && <FigureTable props={props} />}
      <div class="chart-box" ref={box} hidden={asTable} style={{ height: `${String(height)}px` }}>
        {width > 0 && (
          <Picture
            props={props}
            prepared={prepared}
            pointing={pointing}
            width={width}
            height={height}
            helpId={`${id}-help`}
          />
        )}
        {isEmpty(props) && (
          <p class="chart-empty muted">
            <span>{t.table.empty}</span>
          </p>
        )}
        {active !== undefined && width > 0 && (
          <Tooltip props={props} prepared={prepared} index={active} width={width} />
        )}
        <span class="hidden" id={`${id}-help`}>
          {t.chart.help} {count(buckets.length)}
        </span>
        <span class="hidden" aria-live="polite">
          {readingOf(props, active)}
        </span>
      </div>
    </div>
  );
}
