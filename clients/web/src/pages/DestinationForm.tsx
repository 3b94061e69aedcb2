/** The form of a destination, and the secret of a webhook, which is shown once. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { create } from "../wire";
import {
  DeliveryService,
  DeliveryTopic,
  MailTargetSchema,
  StoreTargetSchema,
  WebhookFormat,
  WebhookTargetSchema,
} from "@contract/delivery_service_pb.js";
import type { Destination, StoreTarget, WebhookTarget } from "@contract/delivery_service_pb.js";
import { CallError, problemOf } from "../api/errors";
import { askAnew } from "../api/question";
import { call } from "../api/transport";
import { Tile } from "../components/basics";
import { say } from "../components/announce";
import { Select } from "../components/Select";
import { t } from "../text";

const TOPICS = [
  DeliveryTopic.REPORT,
  DeliveryTopic.ALERT,
  DeliveryTopic.ERASURE,
  DeliveryTopic.TASK,
  DeliveryTopic.THRESHOLD,
] as const;
const FORMATS = [WebhookFormat.STANDARD, WebhookFormat.SLACK] as const;

type Target = Destination["target"];

function emptyTarget(kind: string, stores: readonly string[]): Target {
  if (kind === "webhook") return { case: "webhook", value: create(WebhookTargetSchema, {}) };
  if (kind === "store") return { case: "store", value: create(StoreTargetSchema, { store: stores[0] ?? "" }) };
  return { case: "mail", value: create(MailTargetSchema, {}) };
}

function Line({
  id,
  label,
  value,
  set,
  placeholder = "",
}: {
  id: string;
  label: string;
  value: string;
  set: (text: string) => void;
  placeholder?: string;
}): JSX.Element {
  return (
    <>
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        value={value}
        placeholder={placeholder}
        onInput={(event) => {
          set(event.currentTarget.value);
        }}
      />
    </>
  );
}

function TargetFields({
  target,
  stores,
  set,
}: {
  target: Target;
  stores: readonly string[];
  set: (target: Target) => void;
}): JSX.Element | null {
  if (target.case === "mail")
    return (
      <>
        <label for="destination-addresses">{t.delivery.addresses}</label>
        <textarea
          id="destination-addresses"
          rows={3}
          placeholder={"ada@example.org\nbob@example.org"}
          value={target.value.addresses.join("\n")}
          onInput={(event) => {
            const addresses = event.currentTarget.value.split(/[\n,;]/);
            set({ case: "mail", value: create(MailTargetSchema, { addresses }) });
          }}
        />
      </>
    );
  if (target.case === "webhook") return <WebhookFields target={target.value} set={set} />;
  if (target.case !== "store") return null;
  return <StoreFields target={target.value} stores={stores} set={set} />;
}

function WebhookFields({
  target: { url, format },
  set,
}: {
  target: WebhookTarget;
  set: (target: Target) => void;
}): JSX.Element {
  const put = (part: { url?: string; format?: WebhookFormat }): void => {
    set({ case: "webhook", value: create(WebhookTargetSchema, { url, format, ...part }) });
  };
  return (
    <>
      <Line
        id="destination-url"
        label={t.delivery.url}
        placeholder="https://example.org/hooks"
        value={url}
        set={(text) => {
          put({ url: text });
        }}
      />
      <label for="destination-format">{t.delivery.format}</label>
      <Select
        id="destination-format"
        value={String(format || WebhookFormat.STANDARD)}
        options={FORMATS.map((one) => [String(one), t.delivery.formats[one] ?? ""])}
        choose={(one) => {
          put({ format: Number(one) });
        }}
      />
    </>
  );
}

function StoreFields({
  target: { store, folder },
  stores,
  set,
}: {
  target: StoreTarget;
  stores: readonly string[];
  set: (target: Target) => void;
}): JSX.Element {
  const put = (part: { store?: string; folder?: string }): void => {
    set({ case: "store", value: create(StoreTargetSchema, { store, folder, ...part }) });
  };
  return (
    <>
      <label for="destination-store">{t.delivery.store}</label>
      {stores.length === 0 ? (
        <span class="muted">{t.delivery.noStores}</span>
      ) : (
        <Select
          id="destination-store"
          value={store}
          options={stores.map((one) => [one, one])}
          choose={(one) => {
            put({ store: one });
          }}
        />
      )}
      <Line
        id="destination-folder"
        label={t.delivery.folder}
        placeholder="reports/weekly"
        value={folder}
        set={(text) => {
          put({ folder: text });
        }}
      />
    </>
  );
}

/** Takes out what people type around addresses. */
function tidy(destination: Destination): Destination {
  const { target } = destination;
  if (target.case !== "mail") return destination;
  const addresses = target.value.addresses.map((one) => one.trim()).filter((one) => one !== "");
  return { ...destination, target: { case: "mail", value: create(MailTargetSchema, { addresses }) } };
}

function Topics({ draft, set }: { draft: Destination; set: (topics: DeliveryTopic[]) => void }): JSX.Element {
  return (
    <>
      <span id="destination-topics">{t.delivery.topics}</span>
      <span role="group" aria-labelledby="destination-topics">
        {TOPICS.map((topic) => (
          <label key={topic} class="choice inline">
            <input
              type="checkbox"
              checked={draft.topics.includes(topic)}
              onChange={() => {
                set(TOPICS.filter((one) => draft.topics.includes(one) !== (one === topic)));
              }}
            />{" "}
            {t.delivery.topicNames[topic]}
          </label>
        ))}
      </span>
    </>
  );
}

async function put(destination: Destination): Promise<{ destination?: Destination | undefined; secret: string }> {
  if (destination.destinationId === "") return call(DeliveryService.method.createDestination, { destination });
  return { ...(await call(DeliveryService.method.updateDestination, { destination })), secret: "" };
}

function Fields({
  draft,
  stores,
  isNew,
  set,
}: {
  draft: Destination;
  stores: readonly string[];
  isNew: boolean;
  set: (part: Partial<Destination>) => void;
}): JSX.Element {
  const line = (id: "name" | "contact"): JSX.Element => (
    <Line
      id={`destination-${id}`}
      label={t.delivery[id]}
      value={draft[id]}
      set={(text) => {
        set({ [id]: text });
      }}
    />
  );
  return (
    <>
      {line("name")}
      {isNew && (
        <>
          <label for="destination-kind">{t.delivery.kind}</label>
          <Select
            id="destination-kind"
            value={draft.target.case ?? "mail"}
            options={Object.entries(t.delivery.kinds)}
            choose={(kind) => {
              set({ target: emptyTarget(kind, stores) });
            }}
          />
        </>
      )}
      <TargetFields
        target={draft.target}
        stores={stores}
        set={(target) => {
          set({ target });
        }}
      />
      <Topics
        draft={draft}
        set={(topics) => {
          set({ topics });
        }}
      />
      {line("contact")}
    </>
  );
}

/** The form. */
export function DestinationForm({
  destination,
  stores,
  stored,
  leave,
}: {
  destination: Destination;
  stores: readonly string[];
  stored: (destination: Destination | undefined, secret: string) => void;
  leave: () => void;
}): JSX.Element {
  const [draft, setDraft] = useState(destination);
  const [problem, setProblem] = useState("");
  const isNew = destination.destinationId === "";
  const set = (part: Partial<Destination>): void => {
    setDraft({ ...draft, ...part });
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setProblem("");
    put(tidy(draft)).then(
      (answer) => {
        say(t.settings.saved);
        stored(answer.destination, answer.secret);
      },
      (error: unknown) => {
        const newer = error instanceof CallError && error.reason === "ETAG_MISMATCH";
        setProblem(newer ? t.delivery.newer : problemOf(error));
        if (newer) askAnew(DeliveryService.method.getDestination);
      },
    );
  };
  return (
    <Tile title={isNew ? t.delivery.add : t.dashboards.edit} name="destination-form">
      <form class="form" onSubmit={submit}>
        <Fields draft={draft} stores={stores} isNew={isNew} set={set} />
        <p class="filters wide">
          <button type="submit" class="primary" disabled={draft.name.trim() === ""}>
            {t.dashboards.save}
          </button>
          <button type="button" class="link" onClick={leave}>
            {t.dashboards.cancel}
          </button>
        </p>
        <p class="bad wide" role="alert">
          {problem}
        </p>
      </form>
    </Tile>
  );
}

/** A secret, until it is closed: nobody can read it again. */
export function Secret({ secret, close }: { secret: string; close: () => void }): JSX.Element {
  const copy = (): void => {
    void navigator.clipboard.writeText(secret).then(() => {
      say(t.delivery.copied);
    });
  };
  return (
    <div class="notice wide" role="alert" data-secret>
      <p>
        <b>{t.delivery.secretOnce}</b>
      </p>
      <p>
        <code class="digest">{secret}</code>
      </p>
      <p class="filters">
        <button type="button" onClick={copy}>
          {t.delivery.copy}
        </button>
        <button type="button" onClick={close}>
          {t.delivery.kept}
        </button>
      </p>
    </div>
  );
}
