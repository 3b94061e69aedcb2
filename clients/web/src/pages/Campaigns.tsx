/** What campaigns cost, and what became of their leads. */
import type { JSX } from "preact";
import type { AbsenceReason } from "@contract/answer_pb.js";
import { CampaignService } from "@contract/campaign_service_pb.js";
import type { Campaign, CampaignAmounts, CampaignFigures } from "@contract/campaign_service_pb.js";
import { useQuestion } from "../api/question";
import { Chart } from "../charts/Chart";
import { Card } from "../components/Card";
import { Page } from "../components/Page";
import { Answered, Empty, Link, Tile } from "../components/basics";
import { Table } from "../components/Table";
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

function All(): JSX.Element {
  const asked = useQuestion(CampaignService.method.listCampaigns, {
    timeRange: timeRange.value,
    comparison: comparisonAsked.value,
    pageSize: 200,
  });
  const { data } = asked;
  if (data?.context?.currency) money.currency = data.context.currency;
  return (
    <Page title={t.pages.campaigns} context={data?.context} compared={data?.compared} filters={false}>
      {data !== undefined && (
        <Cards figures={data.total} earlier={data.earlierTotal} absence={data.compared?.absenceReason} />
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
                columns={[
                  {
                    key: "campaign",
                    title: t.dimensions["campaign"] ?? "",
                    value: (row) => row.name || row.campaignId,
                    show: (row) => (
                      <Link to={`/campaigns/${encodeURIComponent(row.campaignId)}`}>{row.name || row.campaignId}</Link>
                    ),
                  },
                  {
                    key: "leads",
                    title: t.campaigns.leads,
                    unit: "1",
                    bar: true,
                    value: (row) => num(row.figures?.leadsGenerated),
                    total: num(answer.total?.leadsGenerated),
                  },
                  {
                    key: "contacted",
                    title: t.campaigns.contacted,
                    unit: "1",
                    value: (row) => num(row.figures?.cohortLeadsContacted),
                    total: num(answer.total?.cohortLeadsContacted),
                  },
                  {
                    key: "converted",
                    title: t.campaigns.converted,
                    unit: "1",
                    value: (row) => num(row.figures?.cohortLeadsConverted),
                    total: num(answer.total?.cohortLeadsConverted),
                  },
                  {
                    key: "lost",
                    title: t.campaigns.lost,
                    unit: "1",
                    extra: true,
                    value: (row) => num(row.figures?.cohortLeadsLost),
                  },
                  {
                    key: "rate",
                    title: t.campaigns.conversion,
                    unit: "fraction",
                    value: (row) => row.figures?.leadConversionRate,
                  },
                  {
                    key: "cost",
                    title: t.campaigns.cost,
                    unit: "micros",
                    value: (row) => num(amounts(row.figures)?.campaignCostMicros),
                    total: num(amounts(answer.total)?.campaignCostMicros),
                  },
                  {
                    key: "each",
                    title: t.campaigns.perLead,
                    unit: "micros",
                    value: (row) => amounts(row.figures)?.costPerLeadMicros,
                  },
                  {
                    key: "value",
                    title: t.campaigns.value,
                    unit: "micros",
                    value: (row) => num(amounts(row.figures)?.cohortConvertedValueMicros),
                    total: num(amounts(answer.total)?.cohortConvertedValueMicros),
                  },
                  {
                    key: "roi",
                    title: t.campaigns.roi,
                    unit: "fraction",
                    value: (row) => amounts(row.figures)?.roi,
                  },
                ]}
              />
            )
          }
        </Answered>
      </Tile>
    </Page>
  );
}

function One({ id }: { id: string }): JSX.Element {
  const asked = useQuestion(CampaignService.method.getCampaign, {
    campaignId: id,
    timeRange: timeRange.value,
    comparison: comparisonAsked.value,
  });
  const { data } = asked;
  const figures = data?.campaign?.figures;
  return (
    <Page title={data?.campaign?.name || id} context={data?.context} compared={data?.compared} filters={false}>
      {data === undefined ? (
        <Tile title={id}>
          <Answered asked={asked} height={300}>
            {() => null}
          </Answered>
        </Tile>
      ) : (
        <>
          <Cards figures={figures} earlier={data.campaign?.earlierFigures} absence={data.compared?.absenceReason} />
          <Tile title={t.campaigns.series} hint={caption(data.granularity)}>
            <Chart
              name={t.campaigns.series}
              buckets={data.points.flatMap((point) => (point.bucket === undefined ? [] : [bucket(point.bucket)]))}
              unit="1"
              zone={zone.value}
              onOpen={openBucket}
              onSelect={selectBuckets}
              series={[
                {
                  key: "leads",
                  label: t.campaigns.leads,
                  color: 1,
                  values: data.points.map((one) => num(one.figures?.leadsGenerated) ?? null),
                },
                {
                  key: "converted",
                  label: t.campaigns.converted,
                  color: 3,
                  values: data.points.map((one) => num(one.figures?.cohortLeadsConverted) ?? null),
                },
              ]}
            />
          </Tile>
        </>
      )}
    </Page>
  );
}
