/** Parts of pages in a document, with a service that answers as a test says. */
import { render } from "preact";
import type { ComponentChild } from "preact";
import { act } from "preact/test-utils";
import { expect, vi } from "vitest";
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { SessionSchema } from "@contract/account_service_pb.js";
import { session } from "../src/state/session";
import { create, fromBinary, toBinary } from "../src/wire";
import { Writer } from "../src/wire/bytes";

interface Method {
  name: string;
  parent: { typeName: string };
}

/** How a call is refused: a reason of the contract, and the field that is wrong. */
export interface Refusal {
  code: string;
  message: string;
  reason?: string;
  field?: string;
}

function errorInfo({ reason = "INVALID_VALUE", field = "" }: Refusal): string {
  const entry = new Writer();
  entry.varint(10);
  entry.text("field");
  entry.varint(18);
  entry.text(field);
  const info = new Writer();
  info.varint(10);
  info.text(`ERROR_REASON_${reason}`);
  if (field !== "") {
    info.varint(26);
    info.data(entry.done());
  }
  return Buffer.from(info.done()).toString("base64");
}

function refused(why: Refusal): Response {
  const details = [{ type: "google.rpc.ErrorInfo", value: errorInfo(why) }];
  return new Response(JSON.stringify({ code: why.code, message: why.message, details }), { status: 400 });
}

type Handler = (body: Uint8Array, signal: AbortSignal | undefined) => Response;

/** A service in place of fetch. It answers what a test has said, and nothing else. */
export class Service {
  readonly #handlers = new Map<string, Handler>();
  readonly #asked = new Map<string, Uint8Array[]>();

  constructor() {
    vi.stubGlobal("fetch", (path: string, init: { body: Uint8Array; signal?: AbortSignal }) => {
      const handler = this.#handlers.get(path);
      if (handler === undefined) return Promise.reject(new TypeError(`no answer for ${path}`));
      this.#asked.set(path, [...(this.#asked.get(path) ?? []), init.body]);
      return Promise.resolve(handler(init.body, init.signal));
    });
  }

  /** Answers the calls of a method. */
  answer<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    answer: (request: MessageShape<I>) => MessageInitShape<O>,
  ): void {
    this.handle(method, (body) => {
      const found = answer(fromBinary(method.input, body));
      return new Response(toBinary(method.output, create(method.output, found)));
    });
  }

  /** Refuses the calls of a method. */
  refuse(method: Method, why: Refusal): void {
    this.handle(method, () => refused(why));
  }

  handle({ parent, name }: Method, handler: Handler): void {
    this.#handlers.set(`/${parent.typeName}/${name}`, handler);
  }

  /** Returns what a method was asked. */
  asked<I extends DescMessage, O extends DescMessage>({
    parent,
    name,
    input,
  }: DescMethodUnary<I, O>): MessageShape<I>[] {
    return (this.#asked.get(`/${parent.typeName}/${name}`) ?? []).map((body) => fromBinary(input, body));
  }
}

/** Signs somebody in who may do these things. */
export async function signIn(...scopes: string[]): Promise<void> {
  await act(() => {
    session.value = create(SessionSchema, {
      sessionId: `session-${String(Math.random())}`,
      scopes,
      organization: { timeZone: "Europe/Paris", currency: "EUR" },
    });
  });
}

/** Puts something into the document. */
export async function show(what: ComponentChild): Promise<void> {
  await act(() => {
    render(what, document.body);
  });
}

/** Takes everything out of the document. */
export async function leave(): Promise<void> {
  await act(() => {
    render(null, document.body);
  });
}

/** Returns the only one of these. */
function single<T>(found: readonly T[], name: string): T {
  expect(found.length, name).toBe(1);
  const [one] = found;
  if (one === undefined) throw new Error(`there is no ${name}`);
  return one;
}

/** Returns the only element of a selector. */
export function only(selector: string): HTMLElement {
  return single([...document.querySelectorAll<HTMLElement>(selector)], selector);
}

/** Returns the button of a name. */
export function button(name: string): HTMLButtonElement {
  const named = (one: Element): boolean => (one.getAttribute("aria-label") ?? one.textContent) === name;
  return single([...document.querySelectorAll("button")].filter(named), name);
}

/** Clicks on something. */
export async function click(on: HTMLElement): Promise<void> {
  await act(() => {
    on.click();
  });
}

/** Types a text into an input, character by character. */
export async function type(into: HTMLElement, text: string): Promise<void> {
  for (let length = text === "" ? 0 : 1; length <= text.length; length += 1)
    await act(() => {
      (into as HTMLInputElement).value = text.slice(0, length);
      into.dispatchEvent(new Event("input", { bubbles: true }));
    });
}

/** Chooses a value of a menu, which has to have it. */
export async function choose(menu: HTMLElement, value: string): Promise<void> {
  const select = menu as HTMLSelectElement;
  expect([...select.options].map((one) => one.value)).toContain(value);
  await act(() => {
    select.value = value;
    select.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

/** Waits until something holds. */
export async function until(holds: () => void): Promise<void> {
  await vi.waitFor(
    async () => {
      await act(() => undefined);
      holds();
    },
    { timeout: 20_000, interval: 10 },
  );
}

/** Waits until whatever was answered has been taken in. */
export async function settled(): Promise<void> {
  await act(async () => {
    await new Promise((resolve) => setTimeout(resolve));
  });
}

/** The text of an element, as people read it. */
export function textOf(element: Element | null): string {
  return (element?.textContent ?? "").replace(/\s+/g, " ").trim();
}
