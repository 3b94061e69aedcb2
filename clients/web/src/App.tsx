/** The frame of all pages: navigation, sign-in, and the page of the address. */
import type { ComponentType, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Announcements } from "./components/announce";
import { Link, Loading } from "./components/basics";
import { Later } from "./components/Later";
import { Shortcuts } from "./components/Shortcuts";
import { SignIn } from "./pages/SignIn";
import { FirstRun } from "./pages/FirstRun";
import type * as AlertBadge from "./components/AlertBadge";
import { PAGES, pageOf } from "./pages";
import { place } from "./state/address";
import { may, session, signOut, signedIn } from "./state/session";
import { t } from "./text";

const loadBadge = (): Promise<typeof AlertBadge> => import("./components/AlertBadge");

function Navigation(): JSX.Element {
  const { path } = place.value;
  const here = (to: string): boolean => path === to || path.startsWith(`${to}/`);
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    // On a narrow screen the list is one line that scrolls: the page that is shown must not be beyond its edge.
    const { current } = list;
    const shown = current?.querySelector("[aria-current]") ?? undefined;
    if (current === null || shown === undefined) return;
    current.scrollLeft += shown.getBoundingClientRect().left - current.getBoundingClientRect().left - 48;
  }, [path]);
  return (
    <nav class="nav" aria-label={t.navigation}>
      <p class="brand">{t.product}</p>
      <ul ref={list}>
        {PAGES.filter(({ name, scope }) => name !== undefined && (scope === undefined || may(scope))).map(
          ({ path: to, name }) => (
            <li key={to}>
              <Link to={to} aria-current={here(to) ? "page" : undefined}>
                {t.pages[name as keyof typeof t.pages]}
                {to === "/alerts" && <Later load={loadBadge} props={{}} />}
              </Link>
            </li>
          ),
        )}
      </ul>
      {session.value !== undefined && (
        <p class="who small muted">
          <span title={session.value.subject}>{session.value.organization?.name}</span>
          <button type="button" class="link" onClick={() => void signOut()}>
            {t.signIn.out}
          </button>
        </p>
      )}
    </nav>
  );
}

function Current(): JSX.Element {
  const { path } = place.value;
  const found = pageOf(path) ?? pageOf("/overview");
  const [shown, setShown] = useState<{ path: string; component: ComponentType<{ id: string }> } | undefined>(undefined);
  const entry = found?.entry;
  useEffect(() => {
    let current = true;
    if (entry !== undefined) {
      void entry.load().then(({ default: component }) => {
        if (current) setShown({ path: entry.path, component });
      });
    }
    return () => {
      current = false;
    };
  }, [entry]);
  // The page before would read the new address: it makes room at once.
  if (shown?.path !== entry?.path || shown === undefined) return <Loading height={600} />;
  const Component = shown.component;
  const id = found?.id ?? "";
  // What is kept on screen while an answer comes is never that of another agent, user or dashboard.
  return <Component key={`${shown.path}${id}`} id={id} />;
}

/** The pages. Sign-in lies above what was there, so that it goes on where it was. */
export function App(): JSX.Element {
  const out = signedIn.value === "out";
  const first = session.value !== undefined && session.value.organization?.firstEventAt === undefined;
  return (
    <>
      {session.value !== undefined && (
        <a
          class="skip"
          href="#content"
          onClick={(event) => {
            event.preventDefault();
            document.querySelector<HTMLElement>("h1")?.focus();
          }}
        >
          {t.skip}
        </a>
      )}
      {session.value !== undefined && (
        <div class="app" inert={out}>
          <Navigation />
          <main id="content">{first ? <FirstRun /> : <Current />}</main>
          <Shortcuts />
        </div>
      )}
      {out && <SignIn again={session.value !== undefined} />}
      <Announcements />
    </>
  );
}
