/** One destination: how it does, what can be done with it, and everything that was sent there. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { DeliveryService } from "@contract/delivery_service_pb.js";
import type { Destination } from "@contract/delivery_service_pb.js";
import { problemOf } from "../api/errors";
import { askAnew, useQuestion } from "../api/question";
import { call } from "../api/transport";
import { Page } from "../components/Page";
import { Answered, Popover, Tile, closePopover } from "../components/basics";
import { Select } from "../components/Select";
import { say } from "../components/announce";
import { ms } from "../contract";
import { count, instant } from "../format";
import { go, href, setParams } from "../state/address";
import { zone } from "../state/period";
import { may } from "../state/session";
import { t } from "../text";
import { Deliveries } from "./Deliveries";
import { DestinationForm, Secret } from "./DestinationForm";
import { DestinationState } from "./Destinations";
import { targetText } from "./Recipients";

const HOURS = [0, 1, 24, 168, 720] as const;

function changed(): void {
  for (const method of ["getDestination", "listDestinations", "listDeliveries"] as const)
    askAnew(DeliveryService.method[method]);
}

function Facts({ one }: { one: Destination }): JSX.Element {
  const at = (time: Destination["createdAt"]): string => (time === undefined ? "" : instant(ms(time), zone.value));
  const rows: readonly (readonly [string, JSX.Element | string])[] = [
    [t.reports.state, <DestinationState key="state" one={one} />],
    [t.delivery.kind, t.delivery.kinds[one.target.case ?? ""] ?? ""],
    [t.delivery.target, targetText(one)],
    [t.delivery.format, one.target.case === "webhook" ? (t.delivery.formats[one.target.value.format] ?? "") : ""],
    [t.delivery.topics, one.topics.map((topic) => t.delivery.topicNames[topic]).join(", ")],
    [t.delivery.contact, one.contact],
    [t.delivery.pausedSince, at(one.pausedAt)],
    [t.delivery.failingSince, at(one.failingSince)],
    [t.delivery.lastDelivered, at(one.deliveredAt)],
    [t.delivery.unsubscribed, one.unsubscribed.join(", ")],
    [t.delivery.oldSecret, at(one.oldSecretUntil)],
    [t.reports.owner, one.owner],
    [t.reports.versionShort, count(one.version)],
  ];
  return (
    <dl class="pairs left">
      {rows.map(([name, value]) =>
        value === "" ? null : (
          <>
            <dt key={name}>{name}</dt>
            <dd>{value}</dd>
          </>
        ),
      )}
    </dl>
  );
}

function Rotate({ rotate }: { rotate: (hours: number) => void }): JSX.Element {
  const [hours, setHours] = useState("24");
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    closePopover(event);
    rotate(Number(hours));
  };
  return (
    <Popover id="rotate" label={t.delivery.rotate}>
      <form class="form" onSubmit={submit}>
        <label for="overlap">{t.delivery.overlap}</label>
        <Select
          id="overlap"
          value={hours}
          options={HOURS.map((one) => [String(one), t.delivery.hours(one)])}
          choose={setHours}
        />
        <button type="submit" class="primary wide">
          {t.delivery.rotate}
        </button>
      </form>
    </Popover>
  );
}

interface ActionsProps {
  one: Destination;
  edit: () => void;
  show: (secret: string) => void;
  fail: (why: string) => void;
}

function AdminActions({ one, edit, show, fail }: ActionsProps): JSX.Element {
  const { destinationId } = one;
  const act = (work: () => Promise<unknown>): void => {
    fail("");
    work().then(changed, (error: unknown) => {
      fail(problemOf(error));
      askAnew(DeliveryService.method.getDestination);
    });
  };
  const remove = async (): Promise<void> => {
    await call(DeliveryService.method.deleteDestination, { destinationId, etag: one.etag });
    go(href("/destinations"));
  };
  return (
    <>
      <button
        type="button"
        onClick={() => {
          act(() => call(DeliveryService.method.updateDestination, { destination: { ...one, paused: !one.paused } }));
        }}
      >
        {one.paused ? t.reports.resume : t.reports.pause}
      </button>
      {one.target.case === "webhook" && (
        <Rotate
          rotate={(hours) => {
            act(async () => {
              const overlap = { seconds: BigInt(hours * 3600), nanos: 0 };
              show((await call(DeliveryService.method.rotateSecret, { destinationId, overlap })).secret);
            });
          }}
        />
      )}
      <button type="button" onClick={edit}>
        {t.dashboards.edit}
      </button>
      <button
        type="button"
        onClick={() => {
          if (confirm(t.delivery.removeSure)) act(remove);
        }}
      >
        {t.dashboards.remove}
      </button>
    </>
  );
}

function Test({ id, fail }: { id: string; fail: (why: string) => void }): JSX.Element {
  const test = async (): Promise<void> => {
    const { deliveryIds } = await call(DeliveryService.method.testDestination, { destinationId: id });
    say(t.delivery.tested(deliveryIds.length));
    changed();
    setParams({ delivery: deliveryIds[0] });
  };
  return (
    <button
      type="button"
      class="primary"
      onClick={() => {
        fail("");
        test().catch((error: unknown) => {
          fail(problemOf(error));
        });
      }}
    >
      {t.delivery.test}
    </button>
  );
}

/** The page. */
export default function DestinationPage({ id }: { id: string }): JSX.Element {
  const asked = useQuestion(DeliveryService.method.getDestination, { destinationId: id });
  const stores = useQuestion(DeliveryService.method.listDestinations, {}).data?.stores ?? [];
  const one = asked.data?.destination;
  const [editing, setEditing] = useState(false);
  const [secret, show] = useState("");
  const [problem, fail] = useState("");
  const edit = (on: boolean) => (): void => {
    setEditing(on);
  };
  return (
    <Page
      title={one?.name ?? t.pages.destinations}
      toolbar={false}
      tools={
        one !== undefined && (
          <span class="tools">
            <Test id={id} fail={fail} />
            {may("admin") && <AdminActions one={one} edit={edit(true)} show={show} fail={fail} />}
          </span>
        )
      }
    >
      {problem !== "" && (
        <p class="wide bad" role="alert">
          {problem}
        </p>
      )}
      {secret !== "" && (
        <Secret
          secret={secret}
          close={() => {
            show("");
          }}
        />
      )}
      {editing && one !== undefined && (
        <DestinationForm
          key={one.etag}
          destination={one}
          stores={stores}
          leave={edit(false)}
          stored={() => {
            setEditing(false);
            changed();
          }}
        />
      )}
      <Tile title={t.delivery.facts} name="facts">
        <Answered asked={asked} height={200}>
          {({ destination }) => (destination === undefined ? null : <Facts one={destination} />)}
        </Answered>
      </Tile>
      <Deliveries destinationId={id} />
    </Page>
  );
}
