/** What a person prefers, and what is known of the organization and the session. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { AccountService } from "@contract/account_service_pb.js";
import type { PreferencesSchema, SessionOrganization, Theme } from "@contract/account_service_pb.js";
import { CallError } from "../api/errors";
import { call } from "../api/transport";
import { Later } from "../components/Later";
import { Page } from "../components/Page";
import { Tile } from "../components/basics";
import { Select } from "../components/Select";
import { ZoneList } from "../components/Toolbar";
import { say } from "../components/announce";
import { ms } from "../contract";
import { count, day, instant } from "../format";
import { zone } from "../state/period";
import { preferences, session } from "../state/session";
import { applyTheme } from "../state/theme";
import { dayOf, isZone } from "../state/zone";
import { LANGUAGES, t } from "../text";
import type * as Embeds from "./Embeds";
import type * as Sessions from "./Sessions";

type Chosen = Exclude<MessageInitShape<typeof PreferencesSchema>, { $typeName: string }>;

async function save(chosen: Chosen, path: string): Promise<string> {
  try {
    const answer = await call(AccountService.method.updatePreferences, {
      preferences: chosen,
      updateMask: { paths: [path] },
    });
    preferences.value = answer.preferences;
    say(t.settings.saved);
    return "";
  } catch (error) {
    return error instanceof CallError ? error.message : String(error);
  }
}

type Put = (chosen: Chosen, path: string, then?: () => void) => void;

function Look({ put }: { put: Put }): JSX.Element {
  const mine = preferences.value;
  return (
    <>
      <label for="language">{t.settings.language}</label>
      <Select
        id="language"
        value={mine?.language ?? ""}
        options={[["", t.settings.browser], ...Object.entries(LANGUAGES)]}
        choose={(language) => {
          put({ language }, "language", () => {
            location.reload();
          });
        }}
      />
      <label for="theme">{t.settings.theme}</label>
      <Select
        id="theme"
        value={String(mine?.theme ?? 0)}
        options={[0, 1, 2].map((theme) => [String(theme), t.settings.themes[theme] ?? ""])}
        choose={(chosen) => {
          const theme = Number(chosen) as Theme;
          put({ theme }, "theme", () => {
            applyTheme(theme);
          });
        }}
      />
    </>
  );
}

function OwnZone({ put }: { put: Put }): JSX.Element {
  return (
    <>
      <label for="own-zone">{t.settings.zone}</label>
      <input
        id="own-zone"
        list="own-zones"
        value={preferences.value?.timeZone ?? ""}
        placeholder={session.value?.organization?.timeZone ?? ""}
        onChange={(event) => {
          const timeZone = event.currentTarget.value;
          if (timeZone === "" || isZone(timeZone)) put({ timeZone }, "time_zone");
        }}
      />
      <ZoneList id="own-zones" />
    </>
  );
}

function Yours(): JSX.Element {
  const [problem, setProblem] = useState("");
  const put: Put = (chosen, path, then) => {
    void save(chosen, path).then((refused) => {
      setProblem(refused);
      if (refused === "") then?.();
    });
  };
  return (
    <Tile title={t.settings.you} width={6}>
      <div class="form">
        <Look put={put} />
        <OwnZone put={put} />
        <label for="letters">{t.settings.shortcuts}</label>
        <span>
          <input
            id="letters"
            type="checkbox"
            checked={preferences.value?.shortcutsOff !== true}
            onChange={(event) => {
              put({ shortcutsOff: !event.currentTarget.checked }, "shortcuts_off");
            }}
          />
        </span>
      </div>
      <p class="bad" role="alert">
        {problem}
      </p>
    </Tile>
  );
}

function Facts({
  title,
  rows,
}: {
  title: string;
  rows: readonly (readonly [string, string | undefined])[];
}): JSX.Element {
  return (
    <Tile title={title} width={6}>
      <dl class="pairs left">
        {rows.map(
          ([label, text]) =>
            text !== undefined &&
            text !== "" && (
              <>
                <dt key={label}>{label}</dt>
                <dd>{text}</dd>
              </>
            ),
        )}
      </dl>
    </Tile>
  );
}

function Organization(): JSX.Element {
  const its = session.value?.organization;
  const first = its?.firstEventAt === undefined ? undefined : day(dayOf(ms(its.firstEventAt), zone.value));
  const kept = its?.rawRetentionDays === undefined ? t.settings.forever : t.settings.days(count(its.rawRetentionDays));
  const limit = its?.eventsPerSecond === undefined ? t.settings.unlimited : count(its.eventsPerSecond);
  return (
    <Facts
      title={t.settings.organization}
      rows={[
        [t.settings.name, its?.name],
        [t.settings.zone, its?.timeZone],
        [t.settings.currency, its?.currency],
        [t.settings.weekStart, t.weekdays[(its?.weekStart || 1) - 1]],
        [t.settings.first, first],
        [t.settings.retention, kept],
        [t.settings.month, monthText(its)],
        [t.settings.limit, limit],
      ]}
    />
  );
}

/** The commands of the machine that the service runs on. */
function keyCommands(organization: string): string {
  const name = /^[\w.-]+$/.test(organization) ? organization : `'${organization.replaceAll("'", String.raw`'\''`)}'`;
  return ["create --scope read " + name, "list " + name, "revoke KEY_ID"]
    .map((one) => `python -m server keys ${one}`)
    .join("\n");
}

function monthText(its: SessionOrganization | undefined): string | undefined {
  if (its?.monthEvents === undefined) return undefined;
  const used = count(its.monthEvents);
  return its.monthlyEvents === undefined ? used : t.usage.quotaOf(used, count(its.monthlyEvents));
}

const loadEmbeds = (): Promise<typeof Embeds> => import("./Embeds");
const loadSessions = (): Promise<typeof Sessions> => import("./Sessions");

/** The page. */
export default function Settings(): JSX.Element {
  const one = session.value;
  return (
    <Page title={t.pages.settings} toolbar={false}>
      <Yours />
      <Organization />
      <Facts
        title={t.settings.session}
        rows={[
          [t.settings.subject, one?.subject],
          [t.settings.scopes, one?.scopes.join(", ")],
          [t.settings.ends, one?.expiresAt === undefined ? undefined : instant(ms(one.expiresAt), zone.value)],
        ]}
      />
      <Tile title={t.settings.keys} width={6}>
        <p class="small muted">{t.settings.keysHint}</p>
        <pre class="code" tabIndex={0} role="region" aria-label={t.settings.keys}>
          {keyCommands(one?.organization?.name ?? "")}
        </pre>
      </Tile>
      <Later load={loadSessions} props={{}} />
      <Later load={loadEmbeds} props={{}} />
    </Page>
  );
}
