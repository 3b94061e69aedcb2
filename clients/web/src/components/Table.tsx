/** Tables: sorted by their headers, narrowed by a text, with columns to choose and CSV. */
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { t } from "../text";
import { count, figure } from "../format";
import { csv, download, fileName } from "../csv";
import { newestContext } from "../api/question";
import { ms } from "../contract";
import { param, setParams } from "../state/address";
import { zone } from "../state/period";
import { Empty, Popover } from "./basics";

/** A column: a text on the left, or a figure on the right. */
export interface Column<R> {
  key: string;
  title: string;
  /** Unit of the figures; without one the column is text. */
  unit?: string;
  value: (row: R) => number | string | undefined;
  show?: (row: R) => ComponentChildren;
  /** Draws a bar by the figure: the main column. */
  bar?: boolean;
  /** Figure below; null says that it is no sum. */
  total?: number | null | undefined;
  /** Not shown until somebody chooses it. */
  extra?: boolean;
  plain?: boolean;
}

export interface TableProps<R> {
  name: string;
  rows: readonly R[];
  columns: readonly Column<R>[];
  id: (row: R) => string;
  /** The column that sorts at first, with "-" in front for the greatest first. */
  sort?: string;
  /** Sorted by whoever gives the rows. */
  fixed?: boolean;
  /** How many rows there are in all, where more exist than these; "?" where nobody knows. */
  all?: number | "?" | undefined;
  more?: (() => void) | undefined;
  /** Fetches all rows there are, for the file. */
  everything?: (() => Promise<readonly R[]>) | undefined;
  shown?: number;
  /** The row of all values beyond the limit. */
  other?: R | undefined;
  find?: boolean;
  tools?: ComponentChildren;
  /** Puts the order into the address under this name. */
  inAddress?: string;
}

function compare(a: number | string | undefined, b: number | string | undefined, down: boolean): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1;
  const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  return down ? -order : order;
}

function cellText<R>(column: Column<R>, row: R): ComponentChildren {
  if (column.show !== undefined) return column.show(row);
  const value = column.value(row);
  return typeof value === "number" && column.unit !== undefined ? (
    figure(value, column.unit)
  ) : value === undefined || value === "" ? (
    <span class="muted" title={t.absent.none}>
      –
    </span>
  ) : (
    value
  );
}

function Header<R>({
  column,
  sort,
  choose,
  fixed,
}: {
  column: Column<R>;
  sort: string;
  choose: (next: string) => void;
  fixed: boolean;
}): JSX.Element {
  const up = sort === column.key;
  const down = sort === `-${column.key}`;
  const number = column.unit !== undefined;
  if (fixed || column.plain === true)
    return (
      <th scope="col" class={number ? "number" : ""}>
        {column.title}
      </th>
    );
  return (
    <th scope="col" class={number ? "number" : ""} aria-sort={up ? "ascending" : down ? "descending" : "none"}>
      <button
        type="button"
        title={t.table.sort(column.title)}
        class={up || down ? "sorted" : ""}
        onClick={() => {
          choose(down ? column.key : up ? `-${column.key}` : number ? `-${column.key}` : column.key);
        }}
      >
        {column.title}
        <span aria-hidden="true">{up ? " ↑" : down ? " ↓" : ""}</span>
      </button>
    </th>
  );
}

function Row<R>({
  row,
  columns,
  greatest,
  class: name = "",
}: {
  row: R;
  columns: readonly Column<R>[];
  greatest: ReadonlyMap<string, number>;
  class?: string;
}): JSX.Element {
  return (
    <tr class={name}>
      {columns.map((column, i) => {
        const value = column.value(row);
        const top = greatest.get(column.key) ?? 0;
        const share = column.bar === true && typeof value === "number" && top > 0 ? value / top : undefined;
        const content = (
          <>
            {share !== undefined && (
              <span class="bar-room" aria-hidden="true">
                <span class="bar-mark" style={{ width: `${String(Math.max(1, share * 100))}%` }} />
              </span>
            )}
            {cellText(column, row)}
          </>
        );
        const kind = `${column.unit === undefined ? "" : "number"}${share === undefined ? "" : " with-bar"}`;
        return i === 0 ? (
          <th key={column.key} scope="row" class={kind}>
            {content}
          </th>
        ) : (
          <td key={column.key} class={kind}>
            {content}
          </td>
        );
      })}
    </tr>
  );
}

function Totals<R>({ columns }: { columns: readonly Column<R>[] }): JSX.Element | null {
  if (!columns.some((column) => column.total !== undefined)) return null;
  return (
    <tfoot>
      <tr>
        <th scope="row">{t.table.total}</th>
        {columns.slice(1).map((column) => (
          <td key={column.key} class={column.unit === undefined ? "" : "number"}>
            {column.total === null ? (
              <span class="muted small">{t.table.notASum}</span>
            ) : column.total === undefined ? (
              ""
            ) : (
              figure(column.total, column.unit ?? "1")
            )}
          </td>
        ))}
      </tr>
    </tfoot>
  );
}

/** What is in the name of a file: period, zone and revision of the newest answer. */
export function fileContext(): { start: number; end: number; zone: string; revision: string } | undefined {
  const context = newestContext.peek();
  return context?.start === undefined
    ? undefined
    : { start: ms(context.start), end: ms(context.end), zone: zone.peek(), revision: String(context.asOfRevision) };
}

function save<R>(props: TableProps<R>, rows: readonly R[], columns: readonly Column<R>[]): void {
  const head = columns.map((column) =>
    column.unit === undefined || column.unit === "1" ? column.title : `${column.title} (${column.unit})`,
  );
  download(
    fileName(props.name, fileContext()),
    csv(
      head,
      rows.map((row) => columns.map((column) => column.value(row))),
    ),
  );
}

function Tools<R>({
  props,
  rows,
  columns,
  hidden,
  setHidden,
  text,
  setText,
}: {
  props: TableProps<R>;
  rows: readonly R[];
  columns: readonly Column<R>[];
  hidden: ReadonlySet<string>;
  setHidden: (next: Set<string>) => void;
  text: string;
  setText: (next: string) => void;
}): JSX.Element {
  const [fetching, setFetching] = useState(false);
  const [problem, setProblem] = useState("");
  const saveAll = async (): Promise<void> => {
    setProblem("");
    // A text narrows what is here, and the file with it; else the file has the rows that are not here yet, too.
    if (props.everything === undefined || props.more === undefined || text !== "") {
      save(props, rows, columns);
      return;
    }
    setFetching(true);
    try {
      save(props, await props.everything(), columns);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setFetching(false);
    }
  };
  const id = `columns-${props.name.replace(/\W+/g, "-")}`;
  return (
    <div class="table-tools">
      {props.find !== false && (
        <input
          type="search"
          class="find"
          placeholder={t.table.find(count(props.rows.length))}
          aria-label={`${t.table.find(count(props.rows.length))}: ${props.name}`}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
          }}
        />
      )}
      {props.columns.length > 3 && (
        <Popover id={id} label={t.table.columns} buttonClass="link">
          {props.columns.slice(1).map((column) => (
            <label key={column.key} class="choice">
              <input
                type="checkbox"
                checked={!hidden.has(column.key)}
                onChange={() => {
                  const next = new Set(hidden);
                  if (!next.delete(column.key)) next.add(column.key);
                  setHidden(next);
                }}
              />{" "}
              {column.title}
            </label>
          ))}
        </Popover>
      )}
      <button
        type="button"
        class="link"
        aria-label={`${t.table.csv}: ${props.name}`}
        disabled={fetching}
        onClick={() => {
          void saveAll();
        }}
      >
        {fetching ? t.table.fetching : t.table.csv}
      </button>
      {problem !== "" && (
        <span class="bad small" role="alert">
          {problem}
        </span>
      )}
      {props.tools}
    </div>
  );
}

/** A table. Rows without the figure come last, whatever the order. */
export function Table<R>(props: TableProps<R>): JSX.Element {
  const { inAddress, fixed = false, shown = 50, other } = props;
  const [own, setOwn] = useState(props.sort ?? "");
  const [text, setText] = useState("");
  const [limit, setLimit] = useState(shown);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(
    () => new Set(props.columns.filter((one) => one.extra).map((one) => one.key)),
  );
  const sort = inAddress === undefined ? own : param(inAddress) || own;
  const choose = (next: string): void => {
    setOwn(next);
    if (inAddress !== undefined) setParams({ [inAddress]: next }, { replace: true });
  };
  const columns = props.columns.filter((column, i) => i === 0 || !hidden.has(column.key));
  const by = props.columns.find((column) => column.key === sort.replace(/^-/, ""));
  const wanted = text.trim().toLowerCase();
  const found =
    wanted === ""
      ? [...props.rows]
      : props.rows.filter((row) =>
          String(props.columns[0]?.value(row) ?? "")
            .toLowerCase()
            .includes(wanted),
        );
  const sorted =
    fixed || by === undefined
      ? found
      : found.sort(
          (a, b) => compare(by.value(a), by.value(b), sort.startsWith("-")) || props.id(a).localeCompare(props.id(b)),
        );
  const greatest = new Map(
    columns
      .filter((one) => one.bar)
      .map((one) => [one.key, Math.max(0, ...props.rows.map((row) => Number(one.value(row) ?? 0)))]),
  );
  const all = props.all ?? props.rows.length;
  const visible = sorted.slice(0, limit);
  const rest = sorted.length > limit;
  return (
    <>
      <Tools
        props={props}
        rows={sorted}
        columns={columns}
        hidden={hidden}
        setHidden={setHidden}
        text={text}
        setText={setText}
      />
      {props.rows.length === 0 && other === undefined ? (
        <Empty text={t.table.empty} />
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label={props.name}>
          <table class="table">
            <thead>
              <tr>
                {columns.map((column) => (
                  <Header key={column.key} column={column} sort={sort} choose={choose} fixed={fixed} />
                ))}
              </tr>
            </thead>
            <tbody>
              {visible.map((row) => (
                <Row key={props.id(row)} row={row} columns={columns} greatest={greatest} />
              ))}
              {other !== undefined && <Row row={other} columns={columns} greatest={greatest} class="other" />}
            </tbody>
            <Totals columns={columns} />
          </table>
        </div>
      )}
      {props.rows.length > 0 && (
        <p class="table-end muted small">
          {all === "?"
            ? t.table.shown(count(visible.length))
            : visible.length < all
              ? t.table.some(count(visible.length), count(all))
              : t.table.all(count(all))}{" "}
          {(rest || props.more !== undefined) && (
            <button
              type="button"
              class="link"
              onClick={() => {
                if (rest) setLimit(limit + 50);
                else {
                  setLimit(limit + 50);
                  props.more?.();
                }
              }}
            >
              {t.table.more}
            </button>
          )}
          {other !== undefined && <span> {t.table.otherWhy}</span>}
        </p>
      )}
    </>
  );
}
