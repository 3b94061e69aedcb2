/** What campaigns cost, and what became of their leads. */
import type { JSX } from "preact";
import type { AbsenceReason } from "@contract/answer_pb.js";
import { CampaignService } from "@contract/campaign_service_pb.js";
import type {
  Campaign,
  CampaignAmounts,
  CampaignFigures,
  GetCampaignResponse,
  ListCampaignsResponse,
} from "@contract/campaign_service_pb.js";
import { useQuestion } from "../api/question";
import { Chart } from "../charts/Chart";
import { Card } from "../components/Card";
import { Page } from "../components/Page";
import { Answered, Empty, Kept, Link, Tile, Whole } from "../components/basics";
import { Table } from "../components/Table";
import type { Column } from "../components/Table";
import { bucket, num } from "../contract";
import { money } from "../format";
import { comparison } from "../state/address";
import { comparisonAsked, timeRange, zone } from "../state/period";
import { t } from "../text";
import { caption, openBucket, selectBuckets } from "./common";

/** Returns the amounts in the organization's currency; others are not added to them. */
function amounts(figures: CampaignFigures | undefined): CampaignAmounts | undefined {
  return figures?.amounts.find((one) => one.currency === money.currency) ?? figures?.amounts[0];
}

function Cards({
  figures,
  earlier,
  absence,
}: {
  figures: CampaignFigures | undefined;
  earlier: CampaignFigures | undefined;
  absence: AbsenceReason | undefined;
}): JSX.Element {
  const now = amounts(figures);
  const before = amounts(earlier);
  const cards = [
    ["leads_created", t.campaigns.leads, num(figures?.leadsGenerated), num(earlier?.leadsGenerated), "1"],
    [
      "lead_conversion_rate",
      t.campaigns.conversion,
      figures?.leadConversionRate,
      earlier?.leadConversionRate,
      "fraction",
    ],
    ["campaign_cost_micros", t.campaigns.cost, num(now?.campaignCostMicros), num(before?.campaignCostMicros), "micros"],
    ["cost_per_lead_micros", t.campaigns.perLead, now?.costPerLeadMicros, before?.costPerLeadMicros, "micros"],
  ] as const;
  return (
    <>
      {cards.map(([metric, title, value, was, unit]) => (
        <Card
          key={metric}
          metric={metric}
          title={title}
          unit={unit}
          better={metric === "cost_per_lead_micros" ? "-" : undefined}
          value={value}
          before={was}
          compares={comparison.value !== "none"}
          absence={absence}
        />
      ))}
    </>
  );
}

/** The page of all campaigns, or of one. */
export default function Campaigns({ id }: { id: string }): JSX.Element {
  return id === "" ? <All /> : <One id={id} />;
}

type Answer = ListCampaignsResponse;

/** A column of counts, with its sum below. */
function counts(
  answer: Answer,
  key: string,
  title: string,
  take: (figures: CampaignFigures) => bigint | undefined,
): Column<Campaign> {
  return {
    key,
    title,
    unit: "1",
    value: (row) => (row.figures === undefined ? undefined : num(take(row.figures))),
    total: answer.total === undefined ? undefined : num(take(answer.total)),
  };
}

/** A column of money; `sum` says whether it adds up. */
function moneyOf(
  answer: Answer,
  key: string,
  title: string,
  take: (amounts: CampaignAmounts) => bigint | number | undefined,
  sum: boolean,
): Column<Campaign> {
  const of = (figures: CampaignFigures | undefined): number | undefined => {
    const found = amounts(figures);
    return found === undefined ? undefined : num(take(found));
  };
  return { key, title, unit: "micros", value: (row) => of(row.figures), total: sum ? of(answer.total) : undefined };
}

function columns(answer: Answer): Column<Campaign>[] {
  return [
    {
      key: "campaign",
      title: t.dimensions["campaign"] ?? "",
      value: (row) => row.name || row.campaignId,
      show: (row) => <Link to={`/campaigns/${encodeURIComponent(row.campaignId)}`}>{row.name || row.campaignId}</Link>,
    },
    { ...counts(answer, "leads", t.campaigns.leads, (one) => one.leadsGenerated), bar: true },
    counts(answer, "contacted", t.campaigns.contacted, (one) => one.cohortLeadsContacted),
    counts(answer, "converted", t.campaigns.converted, (one) => one.cohortLeadsConverted),
    {
      ...counts(answer, "lost", t.campaigns.lost, (one) => one.cohortLeadsLost),
      extra: true,
    },
    {
      key: "rate",
      title: t.campaigns.conversion,
      unit: "fraction",
      value: (row) => row.figures?.leadConversionRate,
    },
    moneyOf(answer, "cost", t.campaigns.cost, (one) => one.campaignCostMicros, true),
    moneyOf(answer, "each", t.campaigns.perLead, (one) => one.costPerLeadMicros, false),
    moneyOf(answer, "value", t.campaigns.value, (one) => one.cohortConvertedValueMicros, true),
    { key: "roi", title: t.campaigns.roi, unit: "fraction", value: (row) => amounts(row.figures)?.roi },
  ];
}

function All(): JSX.Element {
  const request = { timeRange: timeRange.value, comparison: comparisonAsked.value, pageSize: 200 };
  const asked = useQuestion(CampaignService.method.listCampaigns, request);
  const { data } = asked;
  if (data?.context?.currency) money.currency = data.context.currency;
  return (
    <Page title={t.pages.campaigns} context={data?.context} compared={data?.compared} filters={false}>
      {data !== undefined && (
        <Kept asked={asked}>
          <Cards figures={data.total} earlier={data.earlierTotal} absence={data.compared?.absenceReason} />
        </Kept>
      )}
      <Tile title={t.pages.campaigns}>
        <Answered asked={asked} height={300}>
          {(answer) =>
            answer.campaigns.length === 0 ? (
              <Empty text={t.campaigns.none} />
            ) : (
              <Table<Campaign>
                name={t.pages.campaigns}
                rows={answer.campaigns}
                all={Number(answer.campaignCount)}
                id={(row) => row.campaignId}
                sort="-leads"
                inAddress="sort"
                whole={{ of: "question", question: { case: "campaigns", value: request } }}
                columns={columns(answer)}
              />
            )
          }
        </Answered>
      </Tile>
    </Page>
  );
}

function Course({ answer }: { answer: GetCampaignResponse }): JSX.Element {
  const of = (take: (figures: CampaignFigures) => bigint | undefined): (number | null)[] =>
    answer.points.map((one) => (one.figures === undefined ? null : (num(take(one.figures)) ?? null)));
  const leads = of((one) => one.leadsGenerated);
  const converted = of((one) => one.cohortLeadsConverted);
  return (
    <Tile title={t.campaigns.series} hint={caption(answer.granularity)}>
      <Chart
        name={t.campaigns.series}
        buckets={answer.points.flatMap((point) => (point.bucket === undefined ? [] : [bucket(point.bucket)]))}
        unit="1"
        zone={zone.value}
        onOpen={openBucket}
        onSelect={selectBuckets}
        series={[
          { key: "leads", label: t.campaigns.leads, color: 1, values: leads },
          { key: "converted", label: t.campaigns.converted, color: 3, values: converted },
        ]}
      />
    </Tile>
  );
}

function One({ id }: { id: string }): JSX.Element {
  const asked = useQuestion(CampaignService.method.getCampaign, {
    campaignId: id,
    timeRange: timeRange.value,
    comparison: comparisonAsked.value,
  });
  const { data } = asked;
  return (
    <Page title={data?.campaign?.name || id} context={data?.context} compared={data?.compared} filters={false}>
      <Whole asked={asked} title={id} height={300}>
        {(answer) => (
          <>
            <Cards
              figures={answer.campaign?.figures}
              earlier={answer.campaign?.earlierFigures}
              absence={answer.compared?.absenceReason}
            />
            <Course answer={answer} />
          </>
        )}
      </Whole>
    </Page>
  );
}
