/** How conversations were scored, each version of the rubric by itself. */
import type { JSX } from "preact";
import type { AbsenceReason } from "@contract/answer_pb.js";
import { MetricsService } from "@contract/metrics_service_pb.js";
import type {
  GetQualityResponse,
  QualityBreakdown,
  QualityFigures,
  QualityScore,
  RubricQuality,
} from "@contract/quality_pb.js";
import { useQuestion } from "../api/question";
import { Chart } from "../charts/Chart";
import { Card } from "../components/Card";
import { Page } from "../components/Page";
import { Empty, Tile, Whole } from "../components/basics";
import { Table } from "../components/Table";
import { pointBucket } from "../contract";
import { count, percent } from "../format";
import { comparison } from "../state/address";
import { comparisonAsked, filterAsked, timeRange, zone } from "../state/period";
import { t } from "../text";
import { BarList, ValueLink, caption, openBucket, selectBuckets } from "./common";

const SCORES = ["overall", "helpfulness", "accuracy", "politeness"] as const;

function Scores({
  rubric,
  threshold,
  absence,
}: {
  rubric: RubricQuality;
  threshold: number;
  absence: AbsenceReason | undefined;
}): JSX.Element {
  const of = (figures: QualityFigures | undefined, name: (typeof SCORES)[number]): QualityScore | undefined =>
    figures?.[name];
  return (
    <>
      {SCORES.map((name) => {
        const score = of(rubric.figures, name);
        return (
          <Card
            key={name}
            metric={`avg_quality_${name}`}
            title={t.quality[name]}
            unit="fraction"
            value={score?.mean}
            before={of(rubric.earlier, name)?.mean}
            compares={comparison.value !== "none"}
            absence={absence}
            note={
              score?.poorShare === undefined
                ? undefined
                : t.quality.poor(percent(score.poorShare), percent(threshold, 0))
            }
          />
        );
      })}
    </>
  );
}

function Breakdown({
  breakdown,
  title,
  dimension,
  rubric,
}: {
  breakdown: QualityBreakdown | undefined;
  title: string;
  dimension: string;
  rubric: string;
}): JSX.Element | null {
  if (breakdown === undefined || breakdown.rows.length === 0) return null;
  const rows = breakdown.rows.map((row) => ({
    id: row.value,
    name: row.displayName || row.value,
    score: row.figures?.overall,
    reviews: Number(row.figures?.qualityReviews ?? 0n),
  }));
  return (
    <Tile title={title} width={6}>
      <Table
        name={`${title}, ${rubric}`}
        rows={rows}
        all={Number(breakdown.distinctValues)}
        id={(row) => row.id}
        find={false}
        sort="-count"
        columns={[
          {
            key: "value",
            title: t.dimensions[dimension] ?? dimension,
            value: (row) => row.name,
            show: (row) => <ValueLink dimension={dimension} id={row.id} name={row.name} />,
          },
          { key: "count", title: t.quality.count, unit: "1", bar: true, value: (row) => row.reviews },
          { key: "mean", title: t.quality.mean, unit: "fraction", value: (row) => row.score?.mean },
          { key: "median", title: t.quality.median, unit: "fraction", value: (row) => row.score?.median },
          { key: "poor", title: t.quality.share, unit: "fraction", value: (row) => row.score?.poorShare },
        ]}
      />
    </Tile>
  );
}

function Rubric({ rubric, answer }: { rubric: RubricQuality; answer: GetQualityResponse }): JSX.Element {
  const running = answer.context?.stillRunning === true;
  const buckets = rubric.series.map((point, i) => pointBucket(point, running, i === rubric.series.length - 1));
  const tenths = rubric.figures?.overall?.tenths ?? [];
  return (
    <>
      <h2 class="wide">
        {t.quality.rubric(rubric.rubricVersion)}{" "}
        <span class="muted small">{t.quality.reviews(count(rubric.figures?.qualityReviews ?? 0n))}</span>
      </h2>
      <Scores rubric={rubric} threshold={answer.threshold} absence={answer.compared?.absenceReason} />
      <Tile title={t.quality.course} hint={caption(answer.granularity)} width={6}>
        <Chart
          name={`${t.quality.course}, ${rubric.rubricVersion}`}
          buckets={buckets}
          unit="fraction"
          zone={zone.value}
          height={180}
          onOpen={openBucket}
          onSelect={selectBuckets}
          series={[
            {
              key: "overall",
              label: t.quality.overall,
              color: 1,
              values: rubric.series.map((one) => one.avgQualityOverall ?? null),
            },
          ]}
        />
      </Tile>
      <Tile title={t.quality.distribution} width={6}>
        <BarList
          rows={tenths.map((amount, i) => ({
            id: String(i),
            name: `${percent(i / 10, 0)} – ${percent((i + 1) / 10, 0)}`,
            amount: Number(amount),
            text: count(amount),
          }))}
        />
      </Tile>
      <Breakdown breakdown={rubric.byAgent} title={t.quality.byAgent} dimension="agent" rubric={rubric.rubricVersion} />
      <Breakdown breakdown={rubric.byTopic} title={t.quality.byTopic} dimension="topic" rubric={rubric.rubricVersion} />
      <Breakdown
        breakdown={rubric.byScorer}
        title={t.quality.byScorer}
        dimension="scorer"
        rubric={rubric.rubricVersion}
      />
    </>
  );
}

function Rubrics({ answer }: { answer: GetQualityResponse }): JSX.Element {
  const { rubrics, coverage, qualityReviews, conversationsClosed: closed } = answer;
  if (rubrics.length === 0)
    return (
      <Tile title={t.pages.quality}>
        <Empty text={t.quality.none} />
      </Tile>
    );
  return (
    <>
      <p class="wide muted">
        {t.quality.coverage}: <b>{coverage === undefined ? "–" : percent(coverage)}</b> ·{" "}
        {t.quality.coverageHint(count(qualityReviews), closed === undefined ? "–" : count(closed))}
      </p>
      {rubrics.map((rubric) => (
        <Rubric key={rubric.rubricVersion} rubric={rubric} answer={answer} />
      ))}
    </>
  );
}

/** The page. */
export default function Quality(): JSX.Element {
  const asked = useQuestion(MetricsService.method.getQuality, {
    timeRange: timeRange.value,
    filter: filterAsked.value,
    comparison: comparisonAsked.value,
  });
  const { data } = asked;
  return (
    <Page title={t.pages.quality} context={data?.context} compared={data?.compared} lead={t.quality.lead}>
      <Whole asked={asked} title={t.pages.quality} height={500}>
        {(answer) => <Rubrics answer={answer} />}
      </Whole>
    </Page>
  );
}
