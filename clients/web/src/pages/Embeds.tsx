/** A token for a panel within another page, with what that page and its backend need to go on with. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { AccountService } from "@contract/account_service_pb.js";
import type { CreateEmbedTokenResponse } from "@contract/account_service_pb.js";
import { MetricsService } from "@contract/metrics_service_pb.js";
import { CallError } from "../api/errors";
import { useQuestion } from "../api/question";
import { call } from "../api/transport";
import { Tile } from "../components/basics";
import { Select } from "../components/Select";
import { say } from "../components/announce";
import { ms } from "../contract";
import { count, instant } from "../format";
import { filterOf, zone } from "../state/period";
import { t } from "../text";

/** What the panel asks for its live figures, and for the busiest agents beside them. */
const LIVE_RPCS = ["GetRealtimeMetrics", "WatchMetrics"];
const BUSIEST_RPC = "QueryMetrics";
const MINUTES = [5, 15, 30, 60];
/** What is happening now is kept for these alone. */
const DIMENSIONS = ["agent", "channel"];

interface Wanted {
  origins: string;
  dimension: string;
  value: string;
  busiest: boolean;
  minutes: number;
}

function originsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((one) => one !== "");
}

function quoted(texts: readonly string[]): string {
  return `[${texts.map((one) => JSON.stringify(one)).join(", ")}]`;
}

function frame(token: string): string {
  const { origin } = location;
  return `<iframe id="live-panel" title="${t.live.now}" width="420" height="900" style="border: 0"
  src="${origin}/embed/panel#t=${token}"></iframe>
<script>
  const panel = document.getElementById("live-panel");
  addEventListener("message", async ({ source, origin, data }) => {
    if (source !== panel.contentWindow || origin !== "${origin}") return;
    if (data.type === "tallywire:height") panel.height = data.height;
    if (data.type === "tallywire:renew") {
      const answer = await fetch("/live-panel-token"); // ${t.embeds.backendHere}
      panel.contentWindow.postMessage({ type: "tallywire:token", token: await answer.text() }, origin);
    }
  });
</script>`;
}

function backend(wanted: Wanted): string {
  const tied =
    wanted.dimension === "" ? "" : `, where={${JSON.stringify(wanted.dimension)}: ${JSON.stringify(wanted.value)}}`;
  const rpcs = wanted.busiest ? [...LIVE_RPCS, BUSIEST_RPC] : LIVE_RPCS;
  return `def live_panel_token() -> str:
    with tallywire.Client(ADDRESS, api_key=KEY) as client:
        made = client.accounts.embed_token(
            ${quoted(originsOf(wanted.origins))}${tied},
            rpcs=${quoted(rpcs)},
        )
    return made.token`;
}

function Snippet({ title, text }: { title: string; text: string }): JSX.Element {
  return (
    <>
      <h3>{title}</h3>
      <pre class="code" tabIndex={0} aria-label={title} role="region">
        {text}
      </pre>
      <button
        type="button"
        class="link"
        aria-label={`${t.embeds.copy}: ${title}`}
        onClick={() => {
          navigator.clipboard.writeText(text).then(
            () => {
              say(t.embeds.copied);
            },
            () => {
              prompt(t.embeds.copy, text);
            },
          );
        }}
      >
        {t.embeds.copy}
      </button>
    </>
  );
}

function Made({ made, wanted }: { made: CreateEmbedTokenResponse; wanted: Wanted }): JSX.Element {
  return (
    <div class="made" role="status" data-embed="made">
      <p>{t.embeds.made(instant(ms(made.expiresAt), zone.value))}</p>
      <Snippet title={t.embeds.token} text={made.token} />
      <Snippet title={t.embeds.page} text={frame(made.token)} />
      <Snippet title={t.embeds.backend} text={backend(wanted)} />
    </div>
  );
}

type Put = (changes: Partial<Wanted>) => void;

function Part({ wanted, put }: { wanted: Wanted; put: Put }): JSX.Element {
  const values = useQuestion(
    MetricsService.method.listDimensionValues,
    wanted.dimension === "" ? undefined : { dimension: wanted.dimension, pageSize: 200 },
  ).data?.values;
  return (
    <>
      <label for="embed-part">{t.embeds.part}</label>
      <Select
        id="embed-part"
        value={wanted.dimension}
        options={[["", t.toolbar.everything], ...DIMENSIONS.map((one) => [one, t.dimensions[one] ?? one] as const)]}
        choose={(dimension) => {
          put({ dimension, value: "" });
        }}
      />
      {wanted.dimension !== "" && (
        <>
          <label for="embed-value">{t.dimensions[wanted.dimension]}</label>
          <input
            id="embed-value"
            list="embed-values"
            required
            value={wanted.value}
            onInput={(event) => {
              put({ value: event.currentTarget.value });
            }}
          />
          <datalist id="embed-values">
            {(values ?? []).map(({ value, displayName }) => (
              <option key={value} value={value} label={displayName} />
            ))}
          </datalist>
        </>
      )}
    </>
  );
}

function Fields({ wanted, put }: { wanted: Wanted; put: Put }): JSX.Element {
  return (
    <>
      <label for="embed-origins">{t.embeds.origins}</label>
      <textarea
        id="embed-origins"
        rows={2}
        required
        spellcheck={false}
        placeholder="https://app.example.com"
        aria-describedby="embed-origins-hint"
        value={wanted.origins}
        onInput={(event) => {
          put({ origins: event.currentTarget.value });
        }}
      />
      <p class="wide small muted" id="embed-origins-hint">
        {t.embeds.originsHint}
      </p>
      <Part wanted={wanted} put={put} />
      <label for="embed-busiest">{t.embeds.busiest}</label>
      <span>
        <input
          id="embed-busiest"
          type="checkbox"
          checked={wanted.busiest}
          onChange={(event) => {
            put({ busiest: event.currentTarget.checked });
          }}
        />
      </span>
      <label for="embed-minutes">{t.embeds.lifetime}</label>
      <Select
        id="embed-minutes"
        value={String(wanted.minutes)}
        options={MINUTES.map((one) => [String(one), t.embeds.minutes(count(one))])}
        choose={(minutes) => {
          put({ minutes: Number(minutes) });
        }}
      />
    </>
  );
}

function ask(wanted: Wanted): Promise<CreateEmbedTokenResponse> {
  return call(AccountService.method.createEmbedToken, {
    origins: originsOf(wanted.origins),
    rpcs: wanted.busiest ? [...LIVE_RPCS, BUSIEST_RPC] : LIVE_RPCS,
    lifetimeSeconds: wanted.minutes * 60,
    ...(wanted.dimension === "" ? {} : { filter: filterOf(wanted.dimension, wanted.value) }),
  });
}

/** The tile. */
export default function Embeds(): JSX.Element {
  const [wanted, setWanted] = useState<Wanted>({ origins: "", dimension: "", value: "", busiest: true, minutes: 60 });
  const [made, setMade] = useState<CreateEmbedTokenResponse | undefined>(undefined);
  const [problem, setProblem] = useState("");
  const put: Put = (changes) => {
    // What was made no longer is what the form says.
    setMade(undefined);
    setWanted({ ...wanted, ...changes });
  };
  const make = async (): Promise<void> => {
    try {
      setMade(await ask(wanted));
      setProblem("");
    } catch (error) {
      setProblem(error instanceof CallError ? error.message : String(error));
    }
  };
  return (
    <Tile title={t.embeds.title} name="embeds">
      <p class="small muted">{t.embeds.lead}</p>
      <form
        class="form embed-form"
        onSubmit={(event) => {
          event.preventDefault();
          void make();
        }}
      >
        <Fields wanted={wanted} put={put} />
        <span class="wide">
          <button type="submit" class="primary">
            {t.embeds.make}
          </button>
        </span>
      </form>
      <p class="bad" role="alert">
        {problem}
      </p>
      {made !== undefined && <Made made={made} wanted={wanted} />}
      <p class="small muted">{t.embeds.ends}</p>
    </Tile>
  );
}
