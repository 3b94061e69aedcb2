/** A tile of what is happening now: one figure, or all of them. */
import type { JSX } from "preact";
import { Loading } from "../components/basics";
import { shown } from "../format";
import { LIVE_FIGURES, liveFigure } from "../live/figures";
import type { LiveFigure } from "../live/figures";
import type { Filter } from "../live/live";
import { LinkState, LiveCard } from "../live/parts";
import { useLive } from "../live/useLive";
import { t } from "../text";

/** The content of the tile; without a metric it has all figures. */
export default function LiveTile({ metric, filter }: { metric: string; filter: Filter }): JSX.Element {
  const live = useLive(filter);
  const found = LIVE_FIGURES.find(([name]) => name === metric);
  const state = live?.state.value;
  if (state === undefined) return <Loading height={60} />;
  if (metric === "")
    return (
      <div class="live-cards">
        {LIVE_FIGURES.map(([name, unit]) => (
          <LiveCard key={name} name={name} unit={unit} state={state} />
        ))}
      </div>
    );
  if (found === undefined) return <p class="muted">{t.dashboards.lacks}</p>;
  const name: LiveFigure = found[0];
  const { text, unit } = shown(liveFigure(state, name), found[1]);
  return (
    <>
      <p class="figure">
        {text}
        {unit !== "" && <small> {unit}</small>}
      </p>
      <LinkState live={live} />
    </>
  );
}
