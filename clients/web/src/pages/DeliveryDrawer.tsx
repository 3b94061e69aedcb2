/** One delivery: every try, its files, and the mail itself where it was caught. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { DeliveryOutcome, DeliveryService, DeliveryState } from "@contract/delivery_service_pb.js";
import type { DeliveryAttempt, GetDeliveryResponse } from "@contract/delivery_service_pb.js";
import { problemOf } from "../api/errors";
import { askAnew, useQuestion } from "../api/question";
import { call } from "../api/transport";
import { Drawer } from "../components/Drawer";
import { Failure, Loading } from "../components/basics";
import { ms } from "../contract";
import { figure, instant } from "../format";
import { param, setParams } from "../state/address";
import { zone } from "../state/period";
import { t } from "../text";
import { StateOfDelivery, isDue } from "./Deliveries";

const AGAIN_MS = 1_000;

interface CaughtMail {
  headers: [string, string][];
  text: string;
  has_html: boolean;
  files: { name: string; bytes: number }[];
}

/** The mail of a delivery, where this deployment catches mail instead of sending it. */
function Caught({ id }: { id: string }): JSX.Element | null {
  const [mail, setMail] = useState<CaughtMail | null>(null);
  const path = `/caught-mail/${encodeURIComponent(id)}`;
  useEffect(() => {
    const abort = new AbortController();
    fetch(path, { signal: abort.signal })
      .then(async (response) => {
        if (response.ok) setMail(((await response.json()) as { mail: CaughtMail | null }).mail);
      })
      .catch(() => undefined); // What was caught is an extra: without it the delivery is told all the same.
    return () => {
      abort.abort();
    };
  }, [path]);
  if (mail === null) return null;
  return (
    <section data-caught>
      <h3>{t.delivery.caught}</h3>
      <dl class="pairs left">
        {mail.headers.map(([name, value]) => (
          <>
            <dt key={name}>{name}</dt>
            <dd>{value}</dd>
          </>
        ))}
      </dl>
      <pre class="code">{mail.text}</pre>
      {mail.has_html && (
        <p>
          <a href={`${path}/html`} target="_blank" rel="noopener noreferrer">
            {t.delivery.openHtml}
          </a>
        </p>
      )}
      {mail.files.map((file) => (
        <p key={file.name} class="small">
          {file.name} · {figure(file.bytes, "By")}
        </p>
      ))}
    </section>
  );
}

function Attempt({ one }: { one: DeliveryAttempt }): JSX.Element {
  const tone =
    one.outcome === DeliveryOutcome.DELIVERED ? "good" : one.outcome === DeliveryOutcome.UNSPECIFIED ? "muted" : "bad";
  const took = one.finishedAt === undefined ? undefined : ms(one.finishedAt) - ms(one.startedAt);
  return (
    <li>
      <b class={tone}>{t.delivery.outcomes[one.outcome]}</b>{" "}
      <span class="muted small">
        {instant(ms(one.startedAt), zone.value, { dateStyle: "medium", timeStyle: "medium" })}
        {took !== undefined && ` · ${figure(took, "ms")}`}
        {one.status !== 0 && ` · ${String(one.status)}`}
      </span>
      {one.error !== "" && <div class="small">{one.error}</div>}
      {one.answer !== "" && <div class="small muted">{t.delivery.said(one.answer)}</div>}
    </li>
  );
}

function Files({ id, files }: { id: string; files: GetDeliveryResponse["files"] }): JSX.Element | null {
  const [links, setLinks] = useState<Readonly<Record<number, string>>>({});
  const [problem, setProblem] = useState("");
  if (files.length === 0) return null;
  const make = async (file: number): Promise<void> => {
    setProblem("");
    try {
      const { url } = await call(DeliveryService.method.createDownloadLink, { deliveryId: id, file });
      setLinks({ ...links, [file]: url });
    } catch (error) {
      setProblem(problemOf(error));
    }
  };
  return (
    <>
      <h3>{t.reports.files}</h3>
      <ul class="plain questions">
        {files.map((file, i) => (
          <li key={file.name}>
            {file.name} <span class="muted small">{figure(Number(file.size), "By")}</span>{" "}
            {links[i] === undefined ? (
              <button
                type="button"
                class="link"
                aria-label={`${t.delivery.link}: ${file.name}`}
                onClick={() => void make(i)}
              >
                {t.delivery.link}
              </button>
            ) : (
              <a href={links[i]} rel="noopener noreferrer">
                {t.delivery.open}
              </a>
            )}
            <br />
            <code class="digest small">SHA-256 {file.sha256}</code>
          </li>
        ))}
      </ul>
      <p class="bad" role="alert">
        {problem}
      </p>
    </>
  );
}

function Resend({ id }: { id: string }): JSX.Element {
  const [problem, setProblem] = useState("");
  const resend = async (): Promise<void> => {
    setProblem("");
    try {
      await call(DeliveryService.method.resendDelivery, { deliveryId: id });
      askAnew(DeliveryService.method.getDelivery);
    } catch (error) {
      setProblem(problemOf(error));
    }
  };
  return (
    <p class="filters">
      <button type="button" onClick={() => void resend()}>
        {t.delivery.resend}
      </button>
      <span class="bad" role="alert">
        {problem}
      </span>
    </p>
  );
}

function Inside({ id }: { id: string }): JSX.Element {
  const { data, error, again } = useQuestion(DeliveryService.method.getDelivery, { deliveryId: id });
  const one = data?.delivery;
  const busy = one !== undefined && isDue(one);
  useEffect(() => {
    if (!busy) return undefined;
    const timer = setTimeout(again, AGAIN_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [data, busy]);
  if (data === undefined || one === undefined)
    return error === undefined ? <Loading height={240} /> : <Failure error={error} again={again} />;
  const underWay = one.state === DeliveryState.QUEUED || one.state === DeliveryState.HELD;
  return (
    <div data-delivery-state={one.state}>
      <p>
        <StateOfDelivery one={one} /> {one.error !== "" && <span class="bad small">{one.error}</span>}
      </p>
      {!underWay && <Resend id={id} />}
      <dl class="pairs left">
        <dt>{t.delivery.recipient}</dt>
        <dd>{one.recipient}</dd>
        <dt>{t.delivery.topics}</dt>
        <dd>
          {one.kind} <span class="muted">{one.subjectId}</span>
        </dd>
        <dt>{t.delivery.receipt}</dt>
        <dd>
          <code class="digest">{one.receiptId}</code>
        </dd>
        {one.nextTryAt !== undefined && (
          <>
            <dt>{t.delivery.nextTry}</dt>
            <dd>{instant(ms(one.nextTryAt), zone.value, { dateStyle: "medium", timeStyle: "medium" })}</dd>
          </>
        )}
      </dl>
      <h3>{t.delivery.attempts}</h3>
      {data.attempts.length === 0 ? (
        <p class="muted">{t.delivery.noAttempts}</p>
      ) : (
        <ol class="timeline">
          {data.attempts.map((attempt) => (
            <Attempt key={attempt.number} one={attempt} />
          ))}
        </ol>
      )}
      <Files id={id} files={data.files} />
      {one.state === DeliveryState.DELIVERED && one.recipient.includes("@") && <Caught id={id} key={one.receiptId} />}
    </div>
  );
}

/** The drawer, open while the address names a delivery. */
export default function DeliveryDrawer(): JSX.Element {
  const id = param("delivery");
  return (
    <Drawer
      open={id !== ""}
      title={t.delivery.delivery}
      close={() => {
        setParams({ delivery: undefined });
      }}
    >
      <Inside key={id} id={id} />
    </Drawer>
  );
}
