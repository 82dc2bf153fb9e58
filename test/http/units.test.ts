import { Readable } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { loadSettings } from "../../src/config/load.ts";
import { createApp } from "../../src/http/app.ts";
import { hostsOf } from "../../src/http/guard.ts";
import type { ServerParts } from "../../src/http/parts.ts";
import { rangeOf } from "../../src/http/routes/output.ts";
import { keptAnswers, keptCounts } from "../../src/http/routes/stats.ts";

describe("the Host of a request", () => {
  const local = hostsOf("127.0.0.1", ["tts.example.org"]);
  it.each(["LOCALHOST:80", "127.0.0.1:9883", "[::1]:9883", "[::1]", "tts.example.org."])("%s is ours", (host) =>
    expect(local.allows(host)).toBe(true),
  );
  it.each([
    ...["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", ":80"],
    ...["10.0.0.1", "localhost/x", "localhost:80:80", "[localhost]", "local host", "localhost\r\nx", "__proto__"],
  ])("%j is not", (host) => expect(local.allows(host)).toBe(false));

  it("and a page's origin is the very host and port, or a proxy that is named", () => {
    const allowed = (origin: string, host = "localhost:9883") => local.allowsOrigin(origin, host);
    expect([allowed("http://localhost:9883"), allowed("https://tts.example.org")]).toEqual([true, true]);
    for (const origin of ["null", "http://localhost:3000", "http://localhost", "http://evil.example", "", "file://"]) {
      expect(allowed(origin)).toBe(false);
    }
  });
});

describe("a token", () => {
  const clock = { ...systemClock, now: () => 1_000_000, monotonic: () => 0 };
  const TOKEN = "a-secret-of-some-length";
  const serverWith = async (changes: Partial<ServerParts> = {}, env = {}) => {
    const settings = await loadSettings({ flags: {}, env: { TTSCTL_HTTP_TOKEN: TOKEN, ...env }, cwd: "/" });
    const run = { signal: new AbortController().signal, onRelease: () => {} };
    const app = createApp({ pageFolder: "", settings, clock, run, ...changes } as unknown as ServerParts);
    return async (method: string, path: string, headers: Record<string, string>, body = "") => {
      const socket = { localPort: 9883 };
      const request = {
        method,
        url: path,
        headers: { host: "localhost", ...headers },
        headersDistinct: {},
        rawHeaders: [],
        socket,
      };
      const env = { incoming: Object.assign(Readable.from([Buffer.from(body)]), request), outgoing: {} };
      return await app.request(path, { method, headers }, env);
    };
  };
  type Ask = Awaited<ReturnType<typeof serverWith>>;
  const admits = async (headers: Record<string, string>, ask?: Ask) => {
    const { status } = await (ask ?? (await serverWith()))("GET", "/nothing-here", headers);
    expect([404, 401]).toContain(status);
    return status === 404;
  };
  const sessionOf = async (ask: Ask, proto: string) => {
    const headers = { "content-type": "application/json", "x-forwarded-proto": proto };
    const answer = await ask("POST", "/login", headers, JSON.stringify({ token: TOKEN }));
    return answer.headers.get("set-cookie")!;
  };
  const cookieOf = (setCookie: string) => setCookie.split(";")[0]!;

  it("opens a session that no script can read, and that expires", async () => {
    let now = 1_000_000;
    const ask = await serverWith({ clock: { ...clock, now: () => now } }, { TTSCTL_HTTP_BASE_PATH: "/tts" });
    const set = await sessionOf(ask, "https");
    expect(set).toMatch(/; Max-Age=2592000; Path=\/tts; HttpOnly; Secure; SameSite=Strict$/);
    expect(set).not.toContain("a-secret");
    const cookie = `a=b; ${cookieOf(set)}; c=d`;
    expect(await admits({ cookie }, ask)).toBe(true);
    expect(await admits({ cookie: `${cookieOf(set)}x` }, ask)).toBe(false);
    expect(await admits({ cookie })).toBe(false);
    now += 2_592_001;
    expect(await admits({ cookie }, ask)).toBe(false);
  });
});

describe("a range", () => {
  it("is within the file, whatever is requested", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^bytes=\d{0,4}-\d{0,4}$/)), fc.nat(500), (header, size) => {
        const range = rangeOf(header, size);
        if (typeof range === "string") return;
        expect(range.first).toBeGreaterThanOrEqual(0);
        expect(range.first).toBeLessThanOrEqual(range.last);
        expect(range.last).toBeLessThan(size);
      }),
    );
  });
});

describe("an expensive response", () => {
  let now = 0;
  const clock = { ...systemClock, now: () => now, monotonic: () => now };

  it("is made once for all clients, and again when it is old; a failure is not cached", async () => {
    const kept = keptAnswers<number>(clock);
    let made = 0;
    const make = async () => {
      now += 1;
      return ++made;
    };
    const ask = () => kept.get("a", make);
    expect(await Promise.all([ask(), ask()])).toEqual([1, 1]);
    now += 19;
    expect(await ask()).toBe(1);
    now += 2;
    expect(await ask()).toBe(2);
    await expect(kept.get("b", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await kept.get("b", async () => 7)).toBe(7);
  });

  it("of all tasks stays, however many users are asked for", async () => {
    let now = 0;
    const clock = { ...systemClock, monotonic: () => now };
    let made = 0;
    const run = {
      inStep: async () => {
        now += 1;
        return ++made;
      },
    };
    const { counts, forget } = keptCounts({ run, clock } as unknown as ServerParts);
    expect(await counts(undefined)).toBe(1);
    for (let i = 0; i < 150; i++) {
      await counts(`user${i}`);
      now -= 1;
    }
    expect(await counts(undefined)).toBe(1);
    forget();
    expect(await counts(undefined)).toBe(152);
  });
});
