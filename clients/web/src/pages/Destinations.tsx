/** Where things are sent: mailboxes, webhooks and object stores, and the latest deliveries. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { create } from "../wire";
import { DeliveryService, DestinationSchema } from "@contract/delivery_service_pb.js";
import type { Destination } from "@contract/delivery_service_pb.js";
import { askAnew, useQuestion } from "../api/question";
import { Page } from "../components/Page";
import { Answered, Link, Tile } from "../components/basics";
import { Table } from "../components/Table";
import { ms } from "../contract";
import { instant } from "../format";
import { go, href } from "../state/address";
import { zone } from "../state/period";
import { may } from "../state/session";
import { t } from "../text";
import { Deliveries } from "./Deliveries";
import { DestinationForm, Secret } from "./DestinationForm";
import { targetText } from "./Recipients";

/** How a destination does: paused, failing, or fine. */
export function DestinationState({ one }: { one: Destination }): JSX.Element {
  if (one.paused) return <span class="status s5">{t.delivery.paused[one.pauseReason] ?? t.reports.paused}</span>;
  if (one.failingSince !== undefined) return <span class="status s3">{t.delivery.failing}</span>;
  return <span class="status s2">{t.delivery.active}</span>;
}

function List({ rows }: { rows: readonly Destination[] }): JSX.Element {
  if (rows.length === 0) return <p class="muted">{t.delivery.none}</p>;
  return (
    <Table
      name={t.pages.destinations}
      rows={rows}
      id={(one) => one.destinationId}
      find={rows.length > 10}
      sort="name"
      columns={[
        {
          key: "name",
          title: t.delivery.name,
          value: (one) => one.name,
          show: (one) => <Link to={`/destinations/${encodeURIComponent(one.destinationId)}`}>{one.name}</Link>,
        },
        { key: "kind", title: t.delivery.kind, value: (one) => t.delivery.kinds[one.target.case ?? ""] },
        { key: "target", title: t.delivery.target, value: targetText },
        {
          key: "state",
          title: t.reports.state,
          value: (one) => (one.paused ? 1 : 0),
          show: (one) => <DestinationState one={one} />,
        },
        {
          key: "topics",
          title: t.delivery.topics,
          value: (one) => one.topics.map((topic) => t.delivery.topicNames[topic]).join(", "),
        },
        {
          key: "delivered",
          title: t.delivery.lastDelivered,
          value: (one) => ms(one.deliveredAt),
          show: (one) =>
            one.deliveredAt === undefined ? (
              <span class="muted">–</span>
            ) : (
              <span class="nowrap">{instant(ms(one.deliveredAt), zone.value)}</span>
            ),
        },
      ]}
    />
  );
}

/** The page. */
export default function Destinations(): JSX.Element {
  const asked = useQuestion(DeliveryService.method.listDestinations, {});
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<{ id: string; secret: string } | undefined>(undefined);
  const stored = (destination: Destination | undefined, secret: string): void => {
    setAdding(false);
    askAnew(DeliveryService.method.listDestinations);
    const id = destination?.destinationId ?? "";
    if (secret !== "") setMade({ id, secret });
    else if (id !== "") go(href(`/destinations/${encodeURIComponent(id)}`));
  };
  const admin = may("admin");
  return (
    <Page title={t.pages.destinations} toolbar={false} lead={admin ? t.delivery.lead : t.delivery.leadReader}>
      {made !== undefined && (
        <Secret
          secret={made.secret}
          close={() => {
            setMade(undefined);
          }}
        />
      )}
      {adding && (
        <DestinationForm
          destination={create(DestinationSchema, { target: { case: "mail", value: {} } })}
          stores={asked.data?.stores ?? []}
          stored={stored}
          leave={() => {
            setAdding(false);
          }}
        />
      )}
      <Tile
        title={t.pages.destinations}
        tools={
          admin &&
          !adding && (
            <button
              type="button"
              onClick={() => {
                setAdding(true);
              }}
            >
              {t.delivery.add}
            </button>
          )
        }
      >
        <Answered asked={asked} height={120}>
          {({ destinations }) => <List rows={destinations} />}
        </Answered>
      </Tile>
      <Deliveries destinationId="" />
    </Page>
  );
}
