/** Lists that come page by page: the rows so far, what fetches more, and the rows of before while a new list comes. */
import { useEffect, useState } from "preact/hooks";
import type { AnswerContext } from "@contract/answer_pb.js";
import type { FigureRows } from "@contract/rows_pb.js";
import { say } from "../components/announce";
import { count } from "../format";
import { t } from "../text";
import { CallError } from "./errors";
import { newestContext } from "./question";
import type { Asked } from "./question";

const MOST_IN_FILE = 10_000;

interface PageAnswer<R> {
  rows: R[];
  next: string;
  figure?: FigureRows | undefined;
  context?: AnswerContext | undefined;
}

type FetchPage<R> = (token: string, signal: AbortSignal) => Promise<PageAnswer<R>>;

interface State<R> {
  /** What the rows are an answer to; "" before the first one. */
  key: string;
  rows: R[];
  next: string;
  figure?: FigureRows | undefined;
  error?: CallError;
  loading: boolean;
  /** When the newest rows came, in milliseconds of the browser. */
  at: number;
}

/** A list so far. */
export interface Paged<R> {
  rows: R[];
  figure?: FigureRows | undefined;
  /** Empty: there are no more rows. */
  next: string;
  error?: CallError;
  more: () => void;
  /** Fetches every page anew, at most 10,000 rows. */
  everything: () => Promise<R[]>;
  /** The rows as the answer to a question, for what shows it, its loading and its failure. */
  asked: Asked<readonly R[]>;
}

/** Returns the key of a question for a list. */
export function keyOf(request: unknown): string {
  return JSON.stringify(request, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}

async function all<R>(fetchPage: FetchPage<R>): Promise<R[]> {
  const rows: R[] = [];
  let token = "";
  do {
    const page = await fetchPage(token, new AbortController().signal);
    rows.push(...page.rows);
    token = page.next;
  } while (token !== "" && rows.length < MOST_IN_FILE);
  if (token !== "") say(t.table.cutFile(count(rows.length)));
  return rows;
}

/** Fetches a list page by page; a new key begins anew. */
export function usePages<R>(key: string, fetchPage: FetchPage<R>): Paged<R> {
  const [state, setState] = useState<State<R>>({ key: "", rows: [], next: "", loading: true, at: 0 });
  const [ask, setAsk] = useState(0);
  const stale = state.key !== key;
  useEffect(() => {
    const abort = new AbortController();
    setState((old) => ({ ...old, loading: true }));
    fetchPage(stale ? "" : state.next, abort.signal).then(
      ({ rows, next, figure, context }) => {
        if (abort.signal.aborted) return;
        // The file of the list names the revision and the period.
        if (context?.start !== undefined) newestContext.value = context;
        const before = stale ? [] : state.rows;
        setState({ key, rows: [...before, ...rows], next, figure, loading: false, at: Date.now() });
      },
      (reason: unknown) => {
        if (abort.signal.aborted) return;
        const error = reason instanceof CallError ? reason : new CallError("internal", String(reason));
        setState((old) => ({ ...old, loading: false, error }));
      },
    );
    return () => {
      abort.abort();
    };
  }, [key, ask]);
  const { error, loading, at } = state;
  const more = (): void => {
    setAsk(ask + 1);
  };
  const known = state.key === "" ? {} : { data: state.rows };
  const failed = error === undefined ? {} : { error };
  return {
    rows: state.rows,
    figure: state.figure,
    next: state.next,
    ...failed,
    more,
    everything: () => all(fetchPage),
    asked: { ...known, ...failed, loading, at, stale: stale && state.key !== "", again: more },
  };
}
