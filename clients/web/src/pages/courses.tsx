/** Charts of series that several pages show. */
import type { JSX } from "preact";
import type { GetUsageTrendsResponse } from "@contract/metrics_service_pb.js";
import { Chart } from "../charts/Chart";
import type { ChartProps } from "../charts/Chart";
import type { ChartSeries } from "../charts/prepare";
import { bucket, metricInfo, ms, valuesOf } from "../contract";
import { comparison } from "../state/address";
import { zone } from "../state/period";
import { t } from "../text";
import type { Ahead } from "./ahead";
import { openBucket, selectBuckets } from "./common";

interface Props {
  answer: GetUsageTrendsResponse;
  name: string;
  height: number;
}

/** What opens a bucket of an answer, or chooses some: nothing has happened yet in those that are only expected. */
export function happened(answer: GetUsageTrendsResponse): Required<Pick<ChartProps, "onOpen" | "onSelect">> {
  const last = ms(answer.buckets.at(-1)?.start);
  return {
    onOpen: (one) => {
      if (one.start <= last) openBucket(one);
    },
    onSelect: (from, to) => {
      if (to.start <= last) selectBuckets(from, to);
    },
  };
}

interface MetricProps extends Props {
  metric: string;
  remarks?: ReadonlyMap<number, string> | undefined;
  ahead?: Ahead | undefined;
}

/** One metric, with the earlier period where there is one, what is unusual in it, and what is expected. */
export function MetricChart({ answer, name, height, metric, remarks, ahead }: MetricProps): JSX.Element {
  const { title, unit } = metricInfo(metric);
  const earlier = valuesOf(answer.earlierSeries, metric);
  return (
    <Chart
      name={name}
      buckets={ahead?.buckets ?? answer.buckets.map(bucket)}
      earlierBuckets={answer.earlierBuckets.map(bucket)}
      earlierName={t.earlierLine[comparison.value.includes("..") ? "days" : comparison.value]}
      series={[
        {
          key: metric,
          label: title,
          color: 1,
          values: valuesOf(answer.series, metric),
          earlier: earlier.length > 0 ? earlier : undefined,
          remarks,
          ahead: ahead?.expected,
        },
      ]}
      unit={unit}
      zone={zone.value}
      height={height}
      {...happened(answer)}
    />
  );
}

/** Median and p95 of the response time. */
export function ResponseChart({ answer, name, height }: Props): JSX.Element {
  const course = (key: string, label: string, color: number, metric: string): ChartSeries => ({
    key,
    label,
    color,
    values: valuesOf(answer.series, metric),
  });
  return (
    <Chart
      name={name}
      buckets={answer.buckets.map(bucket)}
      series={[
        course("p50", t.overview.median, 1, "p50_response_time_ms"),
        course("p95", t.overview.p95, 2, "p95_response_time_ms"),
      ]}
      unit="ms"
      zone={zone.value}
      height={height}
      onOpen={openBucket}
      onSelect={selectBuckets}
    />
  );
}
