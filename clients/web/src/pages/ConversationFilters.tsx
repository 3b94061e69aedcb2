/** What the address keeps of the list of conversations. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { timestampFromMs } from "../wire/timestamps";
import { ConversationOutcome, ConversationTime } from "@contract/conversation_pb.js";
import { instant } from "../format";
import { param, setParams } from "../state/address";
import { zone } from "../state/period";
import { t } from "../text";
import type { Narrowed } from "./ConversationList";

const OUTCOMES = {
  resolved: ConversationOutcome.RESOLVED,
  escalated: ConversationOutcome.ESCALATED,
  abandoned: ConversationOutcome.ABANDONED,
  ended: ConversationOutcome.ENDED,
};

/** Returns what the address keeps of the list. */
export function listFilter(): Narrowed {
  const outcome = OUTCOMES[param("outcome") as keyof typeof OUTCOMES] as ConversationOutcome | undefined;
  const [from, to] = param("at").split("..");
  const start = Date.parse(from ?? "");
  const end = Date.parse(to ?? "");
  const between =
    Number.isNaN(start) || Number.isNaN(end)
      ? {}
      : {
          timeRange: { start: timestampFromMs(start), end: timestampFromMs(end), timeZone: zone.value },
          time: ConversationTime.BEGAN,
        };
  return {
    ...between,
    ...(outcome === undefined ? {} : { outcome, time: ConversationTime.CLOSED }),
    ...(param("agent") === "" ? {} : { agentId: param("agent") }),
    ...(param("channel") === "" ? {} : { channel: param("channel") }),
    ...(param("team") === "" ? {} : { teamId: param("team") }),
    ...(param("topic") === "" ? {} : { topic: param("topic") }),
    ...(param("reason") === "" ? {} : { handoffReason: param("reason") }),
    ...(param("gap") === "" ? {} : { hasContentGap: true }),
    ...(param("id") === "" ? {} : { conversationIdPrefix: param("id") }),
  };
}

function FindById(): JSX.Element {
  const [id, setId] = useState(param("id"));
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        setParams({ id });
      }}
    >
      <input
        type="search"
        class="find"
        aria-label={t.conversations.id}
        placeholder={t.conversations.id}
        value={id}
        onInput={(event) => {
          setId(event.currentTarget.value);
        }}
        onChange={() => {
          setParams({ id });
        }}
      />
    </form>
  );
}

/** Fields for it. */
export function Filters(): JSX.Element {
  const [from = "", to = ""] = param("at").split("..");
  const removable = [
    ["topic", param("topic")],
    ["reason", param("reason")],
    ["at", from === "" ? "" : `${instant(Date.parse(from), zone.value)} – ${instant(Date.parse(to), zone.value)}`],
  ] as const;
  return (
    <div class="filters">
      <select
        aria-label={t.conversations.outcome}
        value={param("outcome")}
        onChange={(event) => {
          setParams({ outcome: event.currentTarget.value });
        }}
      >
        <option value="">{t.conversations.anyOutcome}</option>
        {(["resolved", "escalated", "abandoned", "ended"] as const).map((name) => (
          <option key={name} value={name}>
            {t.outcomes[name]}
          </option>
        ))}
      </select>
      <label class="choice">
        <input
          type="checkbox"
          checked={param("gap") !== ""}
          onChange={(event) => {
            setParams({ gap: event.currentTarget.checked ? "1" : undefined });
          }}
        />{" "}
        {t.conversations.hasGap}
      </label>
      <FindById />
      {removable.map(
        ([name, text]) =>
          text !== "" && (
            <span key={name} class="status">
              {text}{" "}
              <button
                type="button"
                class="remove"
                aria-label={t.toolbar.remove(text)}
                onClick={() => {
                  setParams({ [name]: undefined });
                }}
              >
                ×
              </button>
            </span>
          ),
      )}
    </div>
  );
}
