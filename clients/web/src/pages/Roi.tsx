/** What AI agents save, against human work on the same conversations: low, base and high. */
import type { JSX } from "preact";
import { MetricsService } from "@contract/metrics_service_pb.js";
import type { GetRoiResponse, RoiEstimate } from "@contract/metrics_service_pb.js";
import { useQuestion } from "../api/question";
import { Answered, Tile } from "../components/basics";
import { num } from "../contract";
import { figure } from "../format";
import { filterAsked, timeRange } from "../state/period";
import { t } from "../text";

function RoiTable({ roi }: { roi: GetRoiResponse["roi"] }): JSX.Element {
  const columns: readonly (readonly [string, RoiEstimate | undefined])[] = [
    [t.usage.low, roi?.low],
    [t.usage.base, roi?.base],
    [t.usage.high, roi?.high],
  ];
  const rows: readonly (readonly [string, (one: RoiEstimate) => bigint | number | undefined, string])[] = [
    [t.usage.avoided, (one) => one.humanCostAvoidedMicros, "micros"],
    [t.usage.ai, (one) => one.aiCostMicros, "micros"],
    [t.usage.savings, (one) => one.savingsMicros, "micros"],
    [t.usage.return, (one) => one.roi, "fraction"],
  ];
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t.usage.roi}>
      <table class="table">
        <thead>
          <tr>
            <td />
            {columns.map(([name]) => (
              <th key={name} scope="col" class="number">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([label, take, unit]) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              {columns.map(([name, one]) => (
                <td key={name} class="number">
                  {figure(one === undefined ? undefined : num(take(one)), unit)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The tile. */
export function Roi(): JSX.Element {
  const asked = useQuestion(MetricsService.method.getRoi, { timeRange: timeRange.value, filter: filterAsked.value });
  return (
    <Tile title={t.usage.roi} hint={t.usage.roiHint} width={6}>
      <Answered asked={asked} height={190}>
        {({ roi, assumptions }) => (
          <>
            <RoiTable roi={roi} />
            <p class="small muted">
              {t.usage.assumptions(
                figure(num(assumptions?.hourlyCostMicros?.value), "micros"),
                figure(num(assumptions?.handlingTimeMs?.value), "ms"),
              )}
            </p>
          </>
        )}
      </Answered>
    </Tile>
  );
}
