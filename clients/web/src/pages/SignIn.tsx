/** Sign-in by a key or at an identity provider, above the page where one was open. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { CallError } from "../api/errors";
import { providers, signIn } from "../state/session";
import type { Provider } from "../state/session";
import { count } from "../format";
import { t } from "../text";

/** Says why a sign-in failed. */
export function refusalText(error: unknown): string {
  if (!(error instanceof CallError)) return String(error);
  if (error.code === "unauthenticated") return t.signIn.wrong;
  if (error.code === "resource_exhausted")
    return t.signIn.tooMany(count(Math.ceil((error.retryAfterMs ?? 60_000) / 1000)));
  return `${t.state.errors[error.code] ?? t.state.failed} ${error.message}`;
}

/** Where a provider signs in, and then leads back to the page that is open. */
function startAddress({ name }: Provider): string {
  const here = `${location.pathname}${location.search}`;
  return `/auth/start?${new URLSearchParams({ provider: name, to: here }).toString()}`;
}

/** A button for each provider. They come when they are known: the key can be typed before. */
function Providers(): JSX.Element | null {
  const [known, setKnown] = useState<readonly Provider[]>([]);
  useEffect(() => {
    void providers().then(setKnown);
  }, []);
  if (known.length === 0) return null;
  return (
    <div class="providers">
      {known.map((one) => (
        <a key={one.name} class="control" href={startAddress(one)}>
          {t.signIn.at(one.label)}
        </a>
      ))}
    </div>
  );
}

/** The form. */
export function SignIn({ again, refused }: { again: boolean; refused?: string }): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  const [error, setError] = useState(refused ?? signInRefusal.text);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    field.current?.focus();
    if (!again) document.title = `${t.signIn.title} · ${t.product}`;
  }, []);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError("");
    try {
      await signIn({ case: "apiKey", value: field.current?.value.trim() ?? "" });
    } catch (reason) {
      setError(refusalText(reason));
      field.current?.focus();
    } finally {
      setBusy(false);
      if (field.current !== null) field.current.value = "";
    }
  };
  return (
    <div class="sign-in" role="dialog" aria-modal="true" aria-labelledby="sign-in-title">
      <form onSubmit={(event) => void submit(event)}>
        <p class="brand">{t.product}</p>
        <h1 id="sign-in-title">{t.signIn.title}</h1>
        {again && <p>{t.signIn.again}</p>}
        <label for="key">{t.signIn.key}</label>
        <input
          ref={field}
          id="key"
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          aria-describedby="key-hint key-error"
        />
        <p id="key-hint" class="muted small">
          {t.signIn.hint}
        </p>
        <p id="key-error" class="bad" role="alert">
          {error}
        </p>
        <button type="submit" class="primary" disabled={busy}>
          {busy ? t.signIn.working : t.signIn.title}
        </button>
        <Providers />
        <p class="muted small">{t.signIn.command}</p>
        <pre class="code">python -m server keys link ORGANIZATION</pre>
      </form>
    </div>
  );
}

/** Why a link did not sign in, for the form that takes its place. */
export const signInRefusal = { text: "" };
