/** Where somebody is signed in, and how to end that from here. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { AccountService } from "@contract/account_service_pb.js";
import type { SignedInSession } from "@contract/account_service_pb.js";
import { problemOf } from "../api/errors";
import { keyOf, usePages } from "../api/paged";
import { call } from "../api/transport";
import { Table } from "../components/Table";
import { Answered, Tile } from "../components/basics";
import { say } from "../components/announce";
import { ms } from "../contract";
import { count, instant } from "../format";
import { zone } from "../state/period";
import { session } from "../state/session";
import { t } from "../text";

const PAGE = 50;

function when(at: SignedInSession["createdAt"]): string {
  return at === undefined ? "" : instant(ms(at), zone.value);
}

/** When a session ends if nobody uses it any more. */
function end(one: SignedInSession): number {
  const ends = [one.expiresAt, one.idleUntil].filter((at) => at !== undefined).map(ms);
  return ends.length === 0 ? 0 : Math.min(...ends);
}

type Revoke = (sessionId: string) => void;

function Rows({ rows, revoke }: { rows: readonly SignedInSession[]; revoke: Revoke }): JSX.Element {
  return (
    <Table
      name="sessions"
      rows={rows}
      id={(one) => one.sessionId}
      fixed
      find={false}
      columns={[
        {
          key: "created",
          title: t.sessions.signedIn,
          value: (one) => ms(one.createdAt),
          show: (one) => when(one.createdAt),
        },
        { key: "used", title: t.sessions.used, value: (one) => when(one.lastUsedAt) },
        { key: "by", title: t.sessions.by, value: (one) => one.keyName || one.identityIssuer || one.keyId },
        { key: "scopes", title: t.settings.scopes, value: (one) => one.role || one.scopes.join(", ") },
        {
          key: "ends",
          title: t.settings.ends,
          value: end,
          show: (one) => instant(end(one), zone.value),
        },
        {
          key: "revoke",
          title: t.sessions.revoke,
          value: (one) => (one.isCurrent ? 1 : 0),
          show: (one) =>
            one.isCurrent ? (
              <b>{t.sessions.current}</b>
            ) : (
              <button
                type="button"
                class="link"
                aria-label={t.sessions.revokeOf(when(one.createdAt))}
                onClick={() => {
                  revoke(one.sessionId);
                }}
              >
                {t.sessions.revoke}
              </button>
            ),
        },
      ]}
    />
  );
}

/** The tile. */
export default function Sessions(): JSX.Element {
  const [changes, setChanges] = useState(0);
  const [problem, setProblem] = useState("");
  const pages = usePages(keyOf(["sessions", changes]), async (pageToken, signal) => {
    const answer = await call(AccountService.method.listOwnSessions, { pageSize: PAGE, pageToken }, signal);
    return { rows: answer.sessions, next: answer.nextPageToken };
  });
  const change = async (ask: () => Promise<string>): Promise<void> => {
    try {
      say(await ask());
      setProblem("");
    } catch (error) {
      setProblem(problemOf(error));
    }
    setChanges((before) => before + 1);
  };
  const revoke: Revoke = (sessionId) => {
    void change(async () => {
      await call(AccountService.method.revokeOwnSession, { sessionId });
      return t.sessions.revoked;
    });
  };
  const revokeOthers = (): void => {
    void change(async () => {
      const { revokedCount } = await call(AccountService.method.revokeOtherSessions, {});
      return t.sessions.othersRevoked(count(revokedCount));
    });
  };
  return (
    <Tile
      title={t.sessions.title}
      name="sessions"
      tools={
        pages.rows.some((one) => !one.isCurrent) && (
          <button type="button" onClick={revokeOthers}>
            {t.sessions.others}
          </button>
        )
      }
    >
      <p class="small muted">
        {session.value?.subject.startsWith("key:") === true ? t.sessions.sharedHint : t.sessions.hint}
      </p>
      <p class="bad" role="alert">
        {problem}
      </p>
      <Answered asked={{ ...pages.asked, stale: false }} height={120}>
        {(rows) => <Rows rows={rows} revoke={revoke} />}
      </Answered>
      {pages.next !== "" && (
        <button type="button" class="link" onClick={pages.more}>
          {t.table.more}
        </button>
      )}
    </Tile>
  );
}
