/** Who is signed in, and what the person prefers. */
import { signal } from "@preact/signals";
import { timestampMs } from "../wire/timestamps";
import { AccountService } from "@contract/account_service_pb.js";
import type { Preferences, Session } from "@contract/account_service_pb.js";
import { money } from "../format";
import { call, connection } from "../api/transport";
import { CallError } from "../api/errors";

/** The session; undefined while it is not known. */
export const session = signal<Session | undefined>(undefined);
export const preferences = signal<Preferences | undefined>(undefined);

/** "unknown" at the start, "out" where somebody has to sign in, "in" otherwise. */
export const signedIn = signal<"unknown" | "in" | "out">("unknown");

/** By how much the service's clock was ahead when it answered, in milliseconds. */
export const measuredClock = signal(0);

/** Counts sign-ins, so that questions that were refused are asked again. */
export const signIns = signal(0);

connection.onSignedOut = () => {
  signedIn.value = "out";
};

function take(next: Session | undefined): void {
  session.value = next;
  if (next?.organization?.currency) money.currency = next.organization.currency;
  const at = next?.organization?.now;
  if (at !== undefined) measuredClock.value = timestampMs(at) - Date.now();
}

/** Asks who is signed in. Throws CallError where the service cannot say. */
export async function loadSession(): Promise<void> {
  try {
    const [mine, chosen] = await Promise.all([
      call(AccountService.method.getSession, {}),
      call(AccountService.method.getPreferences, {}).catch(() => undefined), // Pages work without what was chosen.
    ]);
    take(mine.session);
    preferences.value = chosen?.preferences;
    signedIn.value = "in";
  } catch (error) {
    if (!(error instanceof CallError) || error.code !== "unauthenticated") throw error;
    signedIn.value = "out";
  }
}

/** An identity provider at which people may sign in. */
export interface Provider {
  readonly name: string;
  readonly label: string;
}

/** Asks which providers there are; none where that cannot be had, since a key signs in without. */
export async function providers(): Promise<readonly Provider[]> {
  try {
    const answer = await fetch("/auth/providers");
    return answer.ok ? ((await answer.json()) as { providers: Provider[] }).providers : [];
  } catch {
    return [];
  }
}

/** Exchanges a key or a one-time code for a session, which the browser keeps where scripts cannot read it. */
export async function signIn(credential: { case: "apiKey" | "code"; value: string }): Promise<void> {
  await call(AccountService.method.signIn, { credential });
  await loadSession();
  signIns.value += 1;
}

/** Ends the session, and forgets everything that was shown. */
export async function signOut(): Promise<void> {
  await call(AccountService.method.signOut, {});
  location.assign("/");
}

/** Tells whether the caller may do something: a scope, or admin, which contains all. */
export function may(scope: string): boolean {
  const scopes = session.value?.scopes ?? [];
  return scopes.includes(scope) || scopes.includes("admin");
}
