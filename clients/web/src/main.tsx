/** The start of the pages. */
import { render } from "preact";
import { App } from "./App";
import { followHistory, go } from "./state/address";
import { clockAhead, followTime } from "./state/period";
import { loadSession, measuredClock, preferences, session, signIn } from "./state/session";
import { pageOf } from "./pages";
import { refusalText, signInRefusal } from "./pages/SignIn";
import { applyTheme } from "./state/theme";
import { chooseLanguage, locale } from "./text";

/** Signs in with the one-time code of a link, which leaves the address at once. */
async function signInByLink(): Promise<void> {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code === null) return;
  history.replaceState(null, "", location.pathname + location.search);
  try {
    await signIn({ case: "code", value: code });
  } catch (error) {
    signInRefusal.text = refusalText(error);
  }
}

async function start(): Promise<void> {
  // The page's own scripts come while the session is asked for; where they do not, drawing it tells.
  pageOf(location.pathname === "/" ? "/overview" : location.pathname)
    ?.entry.load()
    .catch(() => undefined);
  await signInByLink();
  if (session.value === undefined) await loadSession();
  clockAhead.value = measuredClock.value;
  const chosen = preferences.value;
  await chooseLanguage(chosen?.language ?? "", navigator.languages);
  document.documentElement.lang = locale;
  applyTheme(chosen?.theme ?? 0);
  if (location.pathname === "/") {
    const home = chosen?.homeDashboardId;
    go(home === undefined || home === "" ? `/overview${location.search}` : `/dashboards/${encodeURIComponent(home)}`, {
      replace: true,
    });
  }
  followHistory();
  followTime();
}

const root = document.getElementById("app");
if (root !== null) {
  start().then(
    () => {
      render(<App />, root);
    },
    (error: unknown) => {
      // Not even the session could be asked for: say so, and try again by itself.
      const line = document.createElement("p");
      line.className = "failure alone";
      line.textContent = refusalText(error);
      root.replaceChildren(line);
      setTimeout(() => {
        location.reload();
      }, 5_000);
    },
  );
}
