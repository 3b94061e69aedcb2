/** Tables: sorted by their headers, narrowed by a text, with columns to choose and CSV. */
import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import type { ExportAsk } from "../api/exporting";
import { t } from "../text";
import { count, figure } from "../format";
import { param, setParams } from "../state/address";
import { Empty } from "./basics";
import { Tools } from "./TableTools";

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
  /** What the service makes a whole file of. */
  whole?: ExportAsk | undefined;
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
  const arrow = up ? " ↑" : down ? " ↓" : "";
  return (
    <th
      scope="col"
      class={number ? "number" : ""}
      aria-sort={up ? "ascending" : down ? "descending" : "none"}
      data-printed={column.title + arrow}
    >
      <button
        type="button"
        title={t.table.sort(column.title)}
        class={up || down ? "sorted" : ""}
        onClick={() => {
          choose(down ? column.key : up ? `-${column.key}` : number ? `-${column.key}` : column.key);
        }}
      >
        {column.title}
        <span aria-hidden="true">{arrow}</span>
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

/** Returns the rows whose first column has the text, in their order. */
function arranged<R>({ rows, columns, id, fixed = false }: TableProps<R>, text: string, sort: string): R[] {
  const wanted = text.trim().toLowerCase();
  const named = (row: R): string => String(columns[0]?.value(row) ?? "").toLowerCase();
  const found = wanted === "" ? [...rows] : rows.filter((row) => named(row).includes(wanted));
  const by = columns.find((column) => column.key === sort.replace(/^-/, ""));
  if (fixed || by === undefined) return found;
  return found.sort((a, b) => compare(by.value(a), by.value(b), sort.startsWith("-")) || id(a).localeCompare(id(b)));
}

interface BodyProps<R> {
  props: TableProps<R>;
  columns: readonly Column<R>[];
  rows: readonly R[];
  sort: string;
  choose: (next: string) => void;
}

function Body<R>({ props, columns, rows, sort, choose }: BodyProps<R>): JSX.Element {
  const greatest = new Map(
    columns
      .filter((one) => one.bar)
      .map((one) => [one.key, Math.max(0, ...props.rows.map((row) => Number(one.value(row) ?? 0)))]),
  );
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={props.name}>
      <table class="table">
        <thead>
          <tr>
            {columns.map((column) => (
              <Header key={column.key} column={column} sort={sort} choose={choose} fixed={props.fixed === true} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={props.id(row)} row={row} columns={columns} greatest={greatest} />
          ))}
          {props.other !== undefined && <Row row={props.other} columns={columns} greatest={greatest} class="other" />}
        </tbody>
        <Totals columns={columns} />
      </table>
    </div>
  );
}

function End<R>({
  props,
  shown,
  more,
}: {
  props: TableProps<R>;
  shown: number;
  more: (() => void) | undefined;
}): JSX.Element {
  const all = props.all ?? props.rows.length;
  return (
    <p class="table-end muted small">
      {all === "?"
        ? t.table.shown(count(shown))
        : shown < all
          ? t.table.some(count(shown), count(all))
          : t.table.all(count(all))}{" "}
      {more !== undefined && (
        <button type="button" class="link" onClick={more}>
          {t.table.more}
        </button>
      )}
      {props.other !== undefined && <span> {t.table.otherWhy}</span>}
    </p>
  );
}

/** The column that sorts, from the address where the table has a name there. */
function useSort<R>({ inAddress, sort = "" }: TableProps<R>): [sort: string, choose: (next: string) => void] {
  const [own, setOwn] = useState(sort);
  const choose = (next: string): void => {
    setOwn(next);
    if (inAddress !== undefined) setParams({ [inAddress]: next }, { replace: true });
  };
  return [inAddress === undefined ? own : param(inAddress) || own, choose];
}

/** A table. Rows without the figure come last, whatever the order. */
export function Table<R>(props: TableProps<R>): JSX.Element {
  const { shown = 50, other } = props;
  const [sort, choose] = useSort(props);
  const [text, setText] = useState("");
  const [limit, setLimit] = useState(shown);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(
    () => new Set(props.columns.filter((one) => one.extra).map((one) => one.key)),
  );
  const columns = props.columns.filter((column, i) => i === 0 || !hidden.has(column.key));
  const sorted = arranged(props, text, sort);
  const visible = sorted.slice(0, limit);
  const rest = sorted.length > limit;
  const more = (): void => {
    setLimit(limit + 50);
    if (!rest) props.more?.();
  };
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
        <Body props={props} columns={columns} rows={visible} sort={sort} choose={choose} />
      )}
      {props.rows.length > 0 && (
        <End props={props} shown={visible.length} more={rest || props.more !== undefined ? more : undefined} />
      )}
    </>
  );
}
