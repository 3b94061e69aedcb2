// @vitest-environment happy-dom
import { render } from "preact";
import { afterEach, describe, expect, it, vi } from "vitest";
import { SignIn } from "../src/pages/SignIn";

const OFFERED = [
  { name: "acme", label: "Acme <Login>" },
  { name: "other", label: "Other" },
];

function show(answer: () => Promise<Response>): { asked: string[]; links: () => HTMLAnchorElement[] } {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (path: string) => {
    asked.push(path);
    return answer();
  });
  const at = document.createElement("div");
  document.body.append(at);
  render(<SignIn again={false} />, at);
  return { asked, links: () => [...at.querySelectorAll("a")] };
}

afterEach(() => {
  vi.unstubAllGlobals();
  document.body.replaceChildren();
  history.replaceState(undefined, "", "/");
});

describe("the page for signing in", () => {
  it("offers each provider, which leads back to where somebody was", async () => {
    history.replaceState(undefined, "", "/overview?agent=a%2Fb&days=7");
    const { asked, links } = show(() => Promise.resolve(Response.json({ providers: OFFERED })));
    await vi.waitFor(() => {
      expect(links()).toHaveLength(2);
    });
    expect(asked).toEqual(["/auth/providers"]);
    const [first] = links();
    expect(first?.textContent).toBe("Sign in with Acme <Login>");
    const to = encodeURIComponent("/overview?agent=a%2Fb&days=7");
    expect(first?.getAttribute("href")).toBe(`/auth/start?provider=acme&to=${to}`);
  });

  it.each([
    ["there are none", () => Promise.resolve(Response.json({ providers: [] }))],
    ["they cannot be had", () => Promise.resolve(new Response("away", { status: 503 }))],
    ["nothing answers", () => Promise.reject(new TypeError("no connection"))],
  ])("asks for a key alone where %s", async (_, answer) => {
    const { asked, links } = show(answer);
    await vi.waitFor(() => {
      expect(asked).toHaveLength(1);
    });
    await new Promise((resolve) => setTimeout(resolve));
    expect(links()).toEqual([]);
    expect(document.querySelector("input")?.type).toBe("password");
  });
});
