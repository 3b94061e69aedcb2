/** Puts a prepared chart into SVG. It decides nothing. */
import type { JSX } from "preact";
import { t } from "../text";
import { count } from "../format";
import type { Marker, Point, Prepared, PreparedBand, PreparedLine } from "./prepare";

const round = (value: number): string => String(Math.round(value * 10) / 10);

function path(points: readonly Point[]): string {
  return points.map(({ x, y }, i) => `${i === 0 ? "M" : "L"}${round(x)} ${round(y)}`).join("");
}

function Line({ line }: { line: PreparedLine }): JSX.Element {
  return (
    <g class={`line c${String(line.color)}${line.earlier ? " earlier" : ""}`}>
      {line.area.map((points, i) => (
        <path key={`a${String(i)}`} class="area" d={`${path(points)}Z`} />
      ))}
      {line.parts.map(({ points, dashed }, i) => (
        <path key={i} class={dashed ? "course dashed" : "course"} d={path(points)} />
      ))}
      {line.dots.map(({ x, y }) => (
        <circle key={x} class="dot" cx={round(x)} cy={round(y)} r="2.5" />
      ))}
      {line.rings.map(({ x, y }) => (
        <circle key={`r${String(x)}`} class="ring" cx={round(x)} cy={round(y)} r="6" />
      ))}
      {line.hollow !== undefined && (
        <circle class="hollow" cx={round(line.hollow.x)} cy={round(line.hollow.y)} r="3.5" />
      )}
    </g>
  );
}

function Band({ band }: { band: PreparedBand }): JSX.Element {
  return (
    <g class={`line ahead c${String(band.color)}`}>
      <path class="band" d={`${path(band.outline)}Z`} />
      <path class="course dashed" d={path(band.points)} />
    </g>
  );
}

function ClockChange({ marker, prepared }: { marker: Marker; prepared: Prepared }): JSX.Element {
  const { plot } = prepared;
  const text =
    marker.kind === "hours"
      ? t.chart.hours(count(marker.hours))
      : t.chart.clock(`${marker.hours > 0 ? "+" : "−"}${count(Math.abs(marker.hours))} h`);
  const left = marker.x < plot.left + plot.width - 48;
  return (
    <g class="clock-change">
      <line x1={round(marker.x)} x2={round(marker.x)} y1={plot.top} y2={plot.top + plot.height} />
      <text x={round(marker.x + (left ? 4 : -4))} y={plot.top + 10} text-anchor={left ? "start" : "end"}>
        {text}
      </text>
    </g>
  );
}

export interface DrawProps {
  prepared: Prepared;
  yText: (value: number) => string;
  xText: (index: number) => string;
  /** Which bucket is under the pointer or the keyboard. */
  active: number | undefined;
  /** First and last bucket of a selection by dragging. */
  selection: readonly [number, number] | undefined;
}

function Axes({ prepared, yText, xText }: Pick<DrawProps, "prepared" | "yText" | "xText">): JSX.Element {
  const { plot, yTicks, xTicks } = prepared;
  const bottom = plot.top + plot.height;
  return (
    <g class="axes">
      {yTicks.map(({ value, y }) => (
        <g key={value}>
          <line
            class={value === 0 ? "base" : "grid"}
            x1={plot.left}
            x2={plot.left + plot.width}
            y1={round(y)}
            y2={round(y)}
          />
          <text x={plot.left - 8} y={round(y + 4)} text-anchor="end">
            {yText(value)}
          </text>
        </g>
      ))}
      {xTicks.map(({ index, x }) => (
        <g key={index}>
          <line class="tick" x1={round(x)} x2={round(x)} y1={bottom} y2={bottom + 4} />
          <text
            x={round(x)}
            y={bottom + 18}
            text-anchor={x < plot.left + 24 ? "start" : x > plot.left + plot.width - 24 ? "end" : "middle"}
          >
            {xText(index)}
          </text>
        </g>
      ))}
    </g>
  );
}

/** The marks and axes of a chart. */
export function Draw({ prepared, yText, xText, active, selection }: DrawProps): JSX.Element {
  const { plot, lines, bands, bars, markers, limits, centers, slot } = prepared;
  return (
    <>
      <Axes prepared={prepared} yText={yText} xText={xText} />
      {selection !== undefined && (
        <rect
          class="selection"
          x={round(Math.min(centers[selection[0]] ?? 0, centers[selection[1]] ?? 0) - slot / 2)}
          y={plot.top}
          width={round(Math.abs((centers[selection[1]] ?? 0) - (centers[selection[0]] ?? 0)) + slot)}
          height={plot.height}
        />
      )}
      {active !== undefined && (
        <line
          class="cursor"
          x1={round(centers[active] ?? 0)}
          x2={round(centers[active] ?? 0)}
          y1={plot.top}
          y2={plot.top + plot.height}
        />
      )}
      {limits.map(({ label, tone, y }) => (
        <g key={tone + label} class={`limit ${tone}`}>
          <line x1={plot.left} x2={plot.left + plot.width} y1={round(y)} y2={round(y)} />
          <text x={plot.left + plot.width - 4} y={round(Math.max(y - 4, plot.top + 10))} text-anchor="end">
            {label}
          </text>
        </g>
      ))}
      {bars.map((bar) => (
        <rect
          key={bar.key}
          class={`bar c${String(bar.color)}${bar.partial ? " partial" : ""}`}
          x={round(bar.x)}
          y={round(bar.y)}
          width={round(bar.width)}
          height={round(bar.height)}
        />
      ))}
      {bands.map((band) => (
        <Band key={band.key} band={band} />
      ))}
      {lines.map((line) => (
        <Line key={line.key} line={line} />
      ))}
      {markers.map((marker) => (
        <ClockChange key={marker.x} marker={marker} prepared={prepared} />
      ))}
    </>
  );
}
