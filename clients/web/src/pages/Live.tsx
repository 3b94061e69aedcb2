/** What is happening now. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { RealtimeState } from "@contract/realtime_service_pb.js";
import { Heading } from "../components/Page";
import { Link, Loading, Popover, Tile, closePopover } from "../components/basics";
import { useQuestion } from "../api/question";
import { MetricsService } from "@contract/metrics_service_pb.js";
import { ms } from "../contract";
import { count, time } from "../format";
import { useLive } from "../live/useLive";
import type { Filter } from "../live/live";
import { LIVE_FIGURES } from "../live/figures";
import { Feed, LinkState, LiveCard, MessagesChart, ResponseChart, StatusPill, messagesOf } from "../live/parts";
import { param, setParams } from "../state/address";
import { periodOf, now, timeRangeOf, zone } from "../state/period";
import { t } from "../text";

/** Returns the filter of the address: agents with commas between, or a channel. */
function liveFilter(): Filter {
  const agents = param("agents") || param("agent");
  if (agents !== "") return { agentIds: agents.split(",") };
  const channel = param("channel");
  return channel === "" ? {} : { channel };
}

function FilterMenu(): JSX.Element {
  const chosen = (param("agents") || param("agent")).split(",").filter((one) => one !== "");
  const channel = param("channel");
  const label = chosen.length > 0 ? chosen.join(", ") : channel !== "" ? channel : t.toolbar.everything;
  return (
    <Popover
      id="live-filter"
      class="menu"
      buttonClass={`control${label === t.toolbar.everything ? "" : " chosen"}`}
      label={
        <>
          <span class="hidden">{t.toolbar.filter}: </span>
          {label}
        </>
      }
    >
      <FilterChoices chosen={chosen} channel={channel} />
    </Popover>
  );
}

function FilterChoices({ chosen, channel }: { chosen: readonly string[]; channel: string }): JSX.Element {
  const [range] = useState(() => timeRangeOf(periodOf("7d", zone.value, now()), zone.value));
  const agents = useQuestion(MetricsService.method.listDimensionValues, {
    dimension: "agent",
    timeRange: range,
    pageSize: 20,
  });
  const channels = useQuestion(MetricsService.method.listDimensionValues, {
    dimension: "channel",
    timeRange: range,
    pageSize: 10,
  });
  const toggle = (id: string): void => {
    const next = chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id];
    setParams({ agents: next.join(","), agent: undefined, channel: undefined }, { replace: true });
  };
  return (
    <>
      <button
        type="button"
        class="item"
        aria-pressed={chosen.length === 0 && channel === ""}
        onClick={(event) => {
          setParams({ agents: undefined, agent: undefined, channel: undefined }, { replace: true });
          closePopover(event);
        }}
      >
        {t.toolbar.everything}
      </button>
      <h3>{t.pages.agents}</h3>
      {(agents.data?.values ?? []).map(({ value, displayName }) => (
        <label key={value} class="choice">
          <input
            type="checkbox"
            checked={chosen.includes(value)}
            onChange={() => {
              toggle(value);
            }}
          />{" "}
          {displayName || value}
        </label>
      ))}
      <h3>{t.dimensions["channel"]}</h3>
      {(channels.data?.values ?? []).map(({ value }) => (
        <button
          key={value}
          type="button"
          class="item"
          aria-pressed={value === channel}
          onClick={(event) => {
            setParams({ agents: undefined, agent: undefined, channel: value }, { replace: true });
            closePopover(event);
          }}
        >
          {value}
        </button>
      ))}
    </>
  );
}

function useFullScreen(): [preactRef: { current: HTMLDivElement | null }, full: boolean, toggle: () => void] {
  const box = useRef<HTMLDivElement | null>(null);
  const [full, setFull] = useState(false);
  useEffect(() => {
    const changed = (): void => {
      setFull(document.fullscreenElement !== null);
    };
    document.addEventListener("fullscreenchange", changed);
    return () => {
      document.removeEventListener("fullscreenchange", changed);
    };
  }, []);
  const toggle = (): void => {
    if (document.fullscreenElement !== null) void document.exitFullscreen();
    else void box.current?.requestFullscreen();
  };
  return [box, full, toggle];
}

function Tiles({ state }: { state: RealtimeState }): JSX.Element {
  return (
    <div class="grid">
      <div class="live-cards">
        {LIVE_FIGURES.map(([name, unit]) => (
          <LiveCard key={name} name={name} unit={unit} state={state} />
        ))}
      </div>
      <Tile title={t.live.perMinute} width={6}>
        <MessagesChart state={state} zone={zone.value} height={180} />
      </Tile>
      <Tile title={t.live.responseMinute} width={6}>
        <ResponseChart state={state} zone={zone.value} height={180} />
      </Tile>
      <Tile title={t.live.latest}>
        <Feed
          state={state}
          limit={20}
          row={(one, ago) => (
            <tr key={one.conversationId}>
              <td>
                <StatusPill status={one.status} />
              </td>
              <th scope="row">
                <Link to="/conversations" changes={{ c: one.conversationId }} class="name">
                  <code>{one.conversationId}</code>
                </Link>
              </th>
              <td>
                {one.agentId !== "" && <Link to={`/agents/${encodeURIComponent(one.agentId)}`}>{one.agentId}</Link>}
              </td>
              <td class="muted roomy">{one.channel}</td>
              <td class="number roomy">{messagesOf(one)}</td>
              <td class="number muted">{ago}</td>
            </tr>
          )}
        />
      </Tile>
    </div>
  );
}

/** The page. */
export default function LivePage(): JSX.Element {
  const live = useLive(liveFilter());
  const [box, full, toggle] = useFullScreen();
  const state = live?.state.value;
  return (
    <div ref={box} class={full ? "full-screen full" : ""}>
      <Heading
        tools={
          <>
            <LinkState live={live} />
            <FilterMenu />
            <button type="button" class="link" onClick={toggle}>
              {full ? t.live.leave : t.live.fullScreen}
            </button>
          </>
        }
      >
        {t.pages.live}
      </Heading>
      <p class="lead muted small">
        {state !== undefined &&
          `${t.live.revision(count(state.asOfRevision))} · ${time(ms(state.asOfTime), zone.value, true)} ${zone.value} · ${live?.leads.value === true ? t.live.watcher : t.live.follower}`}
      </p>
      {state === undefined ? <Loading height={700} /> : <Tiles state={state} />}
    </div>
  );
}
