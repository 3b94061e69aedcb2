/** Deliveries: each message on its way to one recipient, with every try; and the mail itself, where it was caught. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { DeliveryService, DeliveryState } from "@contract/delivery_service_pb.js";
import type { Delivery } from "@contract/delivery_service_pb.js";
import { keyOf, usePages } from "../api/paged";
import { call } from "../api/transport";
import { Answered, Tile } from "../components/basics";
import { Later } from "../components/Later";
import { Select } from "../components/Select";
import { Table } from "../components/Table";
import { ms } from "../contract";
import { instant } from "../format";
import { param, setParams } from "../state/address";
import { zone } from "../state/period";
import { t } from "../text";
import type * as Drawer from "./DeliveryDrawer";

const AGAIN_MS = 2_000;
/** A try that is due in this time is waited for; later ones are not. */
const SOON_MS = 60_000;
const STATES = [0, 1, 2, 3, 4, 5] as const;
const loadDrawer = (): Promise<typeof Drawer> => import("./DeliveryDrawer");

/** What has become of a delivery. */
export function StateOfDelivery({ one }: { one: Delivery }): JSX.Element {
  const tone = [1, 1, 5, 2, 3, 5][one.state] ?? 1;
  return <span class={`status s${String(tone)}`}>{t.delivery.states[one.state]}</span>;
}

/** Tells whether a delivery is about to be tried. */
export function isDue(one: Delivery): boolean {
  return one.state === DeliveryState.QUEUED && ms(one.nextTryAt) - Date.now() < SOON_MS;
}

function Rows({ rows }: { rows: readonly Delivery[] }): JSX.Element {
  return (
    <Table
      name={t.delivery.deliveries}
      rows={rows}
      id={(one) => one.deliveryId}
      fixed
      find={false}
      columns={[
        {
          key: "title",
          title: t.delivery.message,
          value: (one) => one.title,
          show: (one) => (
            <button
              type="button"
              class="link"
              onClick={() => {
                setParams({ delivery: one.deliveryId });
              }}
            >
              {one.title}
            </button>
          ),
        },
        {
          key: "state",
          title: t.reports.state,
          value: (one) => one.state,
          show: (one) => <StateOfDelivery one={one} />,
        },
        { key: "to", title: t.delivery.recipient, value: (one) => one.recipient },
        {
          key: "at",
          title: t.delivery.queuedAt,
          value: (one) => ms(one.createdAt),
          show: (one) => <span class="nowrap">{instant(ms(one.createdAt), zone.value)}</span>,
        },
        { key: "tries", title: t.delivery.tries, unit: "1", value: (one) => one.tries },
        {
          key: "next",
          title: t.delivery.nextTry,
          value: (one) => ms(one.nextTryAt),
          show: (one) => (one.nextTryAt === undefined ? "" : instant(ms(one.nextTryAt), zone.value)),
        },
        { key: "error", title: t.reports.error, value: (one) => one.error },
      ]}
    />
  );
}

/** The deliveries to a destination, newest first; to all of them where none is named. */
export function Deliveries({ destinationId }: { destinationId: string }): JSX.Element {
  const [changes, setChanges] = useState(0);
  const opened = useRef(false);
  const chosen = Number(param("state")) || 0;
  const state = (STATES as readonly number[]).includes(chosen) ? (chosen as DeliveryState) : 0;
  const request = { destinationId, state, pageSize: 50 };
  const pages = usePages(keyOf([request, changes, param("delivery")]), async (pageToken, signal) => {
    const answer = await call(DeliveryService.method.listDeliveries, { ...request, pageToken }, signal);
    return { rows: answer.deliveries, next: answer.nextPageToken };
  });
  const busy = pages.rows.some(isDue);
  const { loading } = pages.asked;
  useEffect(() => {
    if (!busy || loading) return undefined;
    const timer = setTimeout(() => {
      setChanges(changes + 1);
    }, AGAIN_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [busy, loading, changes]);
  return (
    <Tile
      title={t.delivery.deliveries}
      name="deliveries"
      tools={
        <Select
          label={t.reports.state}
          value={String(state)}
          options={STATES.map((one) => [String(one), t.delivery.states[one] ?? ""])}
          choose={(one) => {
            setParams({ state: one === "0" ? undefined : one });
          }}
        />
      }
    >
      <Answered asked={{ ...pages.asked, stale: false }} height={160}>
        {(rows) => (rows.length === 0 ? <p class="muted">{t.delivery.noDeliveries}</p> : <Rows rows={rows} />)}
      </Answered>
      {pages.next !== "" && (
        <button type="button" class="link" onClick={pages.more}>
          {t.table.more}
        </button>
      )}
      {(opened.current ||= param("delivery") !== "") && <Later load={loadDrawer} props={{}} />}
    </Tile>
  );
}
