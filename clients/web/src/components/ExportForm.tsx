/** The choice of a format, how far a file is, and what it holds once it is there. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { problemOf } from "../api/errors";
import { EXPORT_FORMATS, exported } from "../api/exporting";
import type { ExportAsk, Exported, ExportProgress } from "../api/exporting";
import { count, figure, percent } from "../format";
import { t } from "../text";

function Done({ file: { name, trailer, compared } }: { file: Exported }): JSX.Element {
  return (
    <div role="status" data-exported={String(trailer.rows)}>
      <p class={trailer.complete ? "good" : "bad"}>
        {trailer.complete
          ? t.exports.complete(count(trailer.rows))
          : t.exports.incomplete(count(trailer.rows), trailer.incompleteReason)}
      </p>
      <p class="small">
        {name} · {figure(Number(trailer.bytes), "By")}
      </p>
      <p class="small muted">
        {compared ? t.exports.compared : t.exports.notCompared}
        <br />
        <code class="digest">SHA-256 {trailer.sha256}</code>
      </p>
      {trailer.cutCells > 0n && <p class="small bad">{t.exports.cutCells(count(trailer.cutCells))}</p>}
    </div>
  );
}

function Working({ now, stop }: { now: ExportProgress; stop: () => void }): JSX.Element {
  const { rows, of, bytes } = now;
  const share = of === undefined || of === 0 ? undefined : Math.min(1, rows / of);
  return (
    <div role="status">
      <progress class="wide-line" max={1} value={share} aria-label={t.exports.progress} />
      <p class="small muted">
        {t.exports.rows(count(rows))}
        {share !== undefined && ` · ${percent(share, 0)}`} · {figure(bytes, "By")}{" "}
        <button type="button" class="link" onClick={stop}>
          {t.exports.stop}
        </button>
      </p>
    </div>
  );
}

/** The form. Whoever closes it ends what is under way. */
export default function ExportForm({ ask }: { ask: ExportAsk }): JSX.Element {
  const [now, setNow] = useState<ExportProgress | undefined>(undefined);
  const [file, setFile] = useState<Exported | undefined>(undefined);
  const [problem, setProblem] = useState("");
  const abort = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => abort.current?.abort(), []);
  const begin = (format: number): void => {
    const own = new AbortController();
    abort.current = own;
    setProblem("");
    setFile(undefined);
    setNow({ rows: 0, bytes: 0, of: undefined });
    exported(ask, format, setNow, own.signal)
      .then(setFile, (error: unknown) => {
        if (!own.signal.aborted) setProblem(problemOf(error));
      })
      .finally(() => {
        setNow(undefined);
      });
  };
  return (
    <div class="export-form">
      <p class="small muted">{t.exports.hint}</p>
      <p class="filters">
        {EXPORT_FORMATS.map(([format, name]) => (
          <button
            key={format}
            type="button"
            disabled={now !== undefined}
            onClick={() => {
              begin(format);
            }}
          >
            {name}
          </button>
        ))}
      </p>
      {now !== undefined && <Working now={now} stop={() => abort.current?.abort()} />}
      {file !== undefined && <Done file={file} />}
      <p class="bad small" role="alert">
        {problem}
      </p>
    </div>
  );
}
