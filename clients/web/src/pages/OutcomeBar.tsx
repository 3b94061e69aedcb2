/** How conversations ended, in parts of a whole. */
import type { JSX } from "preact";
import type { GetAgentMetricsResponse } from "@contract/metrics_service_pb.js";
import { percent } from "../format";
import { t } from "../text";
import { Change } from "../components/Card";
import { Figure } from "./common";

/** Returns the metric of the catalogue that is an outcome's share, which knows what is better. */
function rateOf(metric: string): string {
  const names: Readonly<Record<string, string>> = {
    conversations_resolved: "resolution_rate",
    conversations_escalated: "escalation_rate",
    conversations_abandoned: "abandonment_rate",
  };
  return names[metric] ?? "ended_rate";
}

/** An outcome with its share of all. */
export interface OutcomeRate {
  metric: string;
  label: string;
  color: number;
  rate: number | undefined;
  /** The rate of the earlier period. */
  before?: number | undefined;
  amount: number | undefined;
}

/** Four rates that add up to one, as one bar with its words. */
export function OutcomeBar({
  rates,
  tokens = {},
  narrowed = {},
}: {
  rates: readonly OutcomeRate[];
  tokens?: GetAgentMetricsResponse["rowsTokens"];
  narrowed?: Record<string, string>;
}): JSX.Element {
  if (rates.every((one) => one.rate === undefined)) return <p class="muted">{t.absent.none}</p>;
  return (
    <>
      <div class="outcome-bar" aria-hidden="true">
        {rates.map(
          (one) =>
            (one.rate ?? 0) > 0 && (
              <span key={one.label} class={`c${String(one.color)}`} style={{ flexGrow: one.rate }} />
            ),
        )}
      </div>
      <dl class="pairs">
        {rates.map((one) => (
          <>
            <dt key={one.label}>
              <i class={`key c${String(one.color)}`} /> {one.label}
            </dt>
            <dd class="outcome-cells">
              {one.rate === undefined ? "–" : percent(one.rate)}{" "}
              <span class="muted">
                <Figure metric={one.metric} amount={one.amount} token={tokens[one.metric]} narrowed={narrowed} />
              </span>
              <span>
                <Change metric={rateOf(one.metric)} now={one.rate} before={one.before} unit="fraction" />
              </span>
            </dd>
          </>
        ))}
      </dl>
    </>
  );
}
