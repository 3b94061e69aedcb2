/** What stands above a table: a text to find, columns to choose, and the rows as a file. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { newestContext } from "../api/question";
import { ms } from "../contract";
import { csv, download, fileName } from "../csv";
import { count } from "../format";
import { zone } from "../state/period";
import { t } from "../text";
import { Exporter } from "./Exporter";
import { Popover } from "./basics";
import type { Column, TableProps } from "./Table";

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

interface ToolsProps<R> {
  props: TableProps<R>;
  /** What the file has: the rows that are here, in their order, and the columns that are shown. */
  rows: readonly R[];
  columns: readonly Column<R>[];
  hidden: ReadonlySet<string>;
  setHidden: (next: Set<string>) => void;
  text: string;
  setText: (next: string) => void;
}

function ColumnChoice<R>({ props, hidden, setHidden }: ToolsProps<R>): JSX.Element {
  return (
    <Popover id={`columns-${props.name.replace(/\W+/g, "-")}`} label={t.table.columns} buttonClass="link">
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
  );
}

function FileButton<R>({ props, rows, columns, text }: ToolsProps<R>): JSX.Element {
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
  return (
    <>
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
    </>
  );
}

/** What stands above a table. */
export function Tools<R>(given: ToolsProps<R>): JSX.Element {
  const { props, text, setText } = given;
  const find = t.table.find(count(props.rows.length));
  return (
    <div class="table-tools">
      {props.find !== false && (
        <input
          type="search"
          class="find"
          placeholder={find}
          aria-label={`${find}: ${props.name}`}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
          }}
        />
      )}
      {props.columns.length > 3 && <ColumnChoice {...given} />}
      <FileButton {...given} />
      {props.whole !== undefined && <Exporter name={props.name} ask={props.whole} />}
      {props.tools}
    </div>
  );
}
