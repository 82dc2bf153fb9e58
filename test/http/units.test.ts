import { EventEmitter, once } from "node:events";
import { Readable } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { loadSettings } from "../../src/config/load.ts";
import { TtsctlError } from "../../src/errors.ts";
import { problemOf, warningsValue } from "../../src/http/answer.ts";
import { createApp } from "../../src/http/app.ts";
import { Doorbell } from "../../src/http/doorbell.ts";
import { Hosts, isLocal } from "../../src/http/guard.ts";
import { LIMITS } from "../../src/http/limits.ts";
import type { Env, ServerParts } from "../../src/http/parts.ts";
import { listParams, paramsOf } from "../../src/http/request.ts";
import { rangeOf } from "../../src/http/routes/output.ts";
import { KeptAnswers } from "../../src/http/routes/stats.ts";
import { turns } from "../../src/http/turns.ts";
import { rawQuery } from "../../src/task/query-fields.ts";
import { anyChar } from "../helpers/any-char.ts";
import { TestClock } from "../helpers/clock.ts";

describe("a turn", () => {
  it("has its work aborted when the client leaves, without an internal error", async () => {
    const outgoing = Object.assign(new EventEmitter(), { destroyed: false });
    const env = { incoming: { socket: { destroyed: false } }, outgoing } as unknown as Env["Bindings"];
    const turn = turns<string>(systemClock, 1, (text) => text.length);
    const answer = turn(env, async (signal) => {
      await once(signal, "abort");
      signal.throwIfAborted();
      return "late";
    });
    setImmediate(() => outgoing.emit("close"));
    await expect(answer).rejects.toMatchObject({ code: "BUSY" });
    expect(await turn(env, async () => "the next")).toBe("the next");
  });

  it("is waited for by 256 requests, and one more is refused", async () => {
    const outgoing = Object.assign(new EventEmitter(), { destroyed: false }).setMaxListeners(0);
    const env = { incoming: { socket: { destroyed: false } }, outgoing } as unknown as Env["Bindings"];
    const turn = turns<string>(systemClock, 1, () => 0);
    const gate = new EventEmitter();
    const first = turn(env, () => once(gate, "open").then(() => "1"));
    await new Promise(setImmediate); // it has begun
    const others = Array.from({ length: LIMITS.waiting }, () => turn(env, async () => "2"));
    expect(() => turn(env, async () => "3")).toThrow(expect.objectContaining({ code: "BUSY" }));
    gate.emit("open");
    expect(new Set(await Promise.all([first, ...others]))).toEqual(new Set(["1", "2"]));
  });

  it("is waited for 20 s, and not longer", async () => {
    const outgoing = Object.assign(new EventEmitter(), { destroyed: false }).setMaxListeners(0);
    const env = { incoming: { socket: { destroyed: false } }, outgoing } as unknown as Env["Bindings"];
    const clock = new TestClock({ longest: 0 });
    const turn = turns<string>(clock, 1, () => 0);
    const gate = new EventEmitter();
    const first = turn(env, () => once(gate, "open").then(() => "1"));
    let outcome = "waits";
    const second = turn(env, async () => "2").catch(({ code }) => {
      outcome = code;
    });
    await clock.advance(LIMITS.waitS - 1);
    expect(outcome).toBe("waits");
    await clock.advance(2);
    expect(outcome).toBe("BUSY");
    gate.emit("open");
    await Promise.all([first, second]);
  });
});

describe("the Host of a request", () => {
  const local = new Hosts("127.0.0.1", ["tts.example.org"]);
  it.each([
    "localhost",
    "LOCALHOST:80",
    "127.0.0.1:9883",
    "[::1]:9883",
    "[::1]",
    "tts.example.org",
    "tts.example.org.",
  ])("%s is ours", (host) => expect(local.allows(host)).toBe(true));
  it.each([
    ...["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", ":80"],
    ...["10.0.0.1", "localhost/x", "localhost:80:80", "[localhost]", "local host", "localhost\r\nx", "__proto__"],
  ])("%j is not", (host) => expect(local.allows(host)).toBe(false));

  it("may be any address, but no other name, if all addresses are listened on", () => {
    const all = new Hosts("0.0.0.0", []);
    expect(["10.0.0.1:80", "[fe80::1]", "localhost", "evil.example"].map((host) => all.allows(host))).toEqual([
      ...[true, true, true, false],
    ]);
  });

  it("and a page's origin is the very host and port, or a proxy that is named", () => {
    const allowed = (origin: string, host = "localhost:9883") => local.allowsOrigin(origin, host);
    expect([allowed("http://localhost:9883"), allowed("https://tts.example.org")]).toEqual([true, true]);
    for (const origin of ["null", "http://localhost:3000", "http://localhost", "http://evil.example", "", "file://"]) {
      expect(allowed(origin)).toBe(false);
    }
  });

  it("recognizes addresses that only this machine can reach", () => {
    expect(["127.0.0.1", "127.1.2.3", "::1", "localhost"].every(isLocal)).toBe(true);
    expect(["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.evil.example", "example.org"].some(isLocal)).toBe(false);
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

  it("must match exactly", async () => {
    expect(await admits({ authorization: "Bearer a-secret-of-some-length" })).toBe(true);
    for (const authorization of ["Bearer a-secret-of-some-lengt", "Bearer ", "Basic a-secret-of-some-length", ""]) {
      expect(await admits({ authorization })).toBe(false);
    }
    expect(await admits({})).toBe(false);
  });

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

it.each([
  ["TIMEZONE_MISMATCH", 409],
  ["STORE_MISMATCH", 409],
  ["CLOCK_SKEW", 503],
  ["REDIS_LOADING", 503],
  ["BACKUP_FAILED", 500],
] as const)("%s has the status %i", (code, status) => {
  expect(problemOf(new TtsctlError(code, "x", { hint: "y" }))).toMatchObject({ code, status, detail: "x" });
});

describe("a range", () => {
  it.each([
    [undefined, 10, "all"],
    ["bytes=0-3", 10, { first: 0, last: 3 }],
    ["bytes=4-", 10, { first: 4, last: 9 }],
    ["bytes=-3", 10, { first: 7, last: 9 }],
    ["bytes=-30", 10, { first: 0, last: 9 }],
    ["bytes=5-500", 10, { first: 5, last: 9 }],
    ["bytes=9-9", 10, { first: 9, last: 9 }],
    ["bytes=10-", 10, "none"],
    ["bytes=-0", 10, "none"],
    ["bytes=0-", 0, "none"],
    ["bytes=-5", 0, "none"],
    ["bytes=5-2", 10, "all"],
    ["bytes=0-1,4-5", 10, "all"],
    ["bytes=-", 10, "all"],
    ["items=0-1", 10, "all"],
    ["bytes=a-b", 10, "all"],
    ["bytes=99999999999999999999-", 10, "all"],
  ])("%s of %i bytes", (header, size, expected) => expect(rangeOf(header, size)).toEqual(expected));

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

it("warnings with any text fit into a header, and are complete if they are short", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: anyChar, maxLength: 200 }), { maxLength: 60 }), (lines) => {
      const value = warningsValue(lines);
      expect(value).toMatch(/^[\x20-\x7e]*$/);
      expect(value.length).toBeLessThan(8000);
      const back = JSON.parse(value) as string[];
      if (value.length < 2000) expect(back).toEqual(lines);
      else expect(back.length).toBeGreaterThan(0);
    }),
  );
  expect(JSON.parse(warningsValue(["a".repeat(10_000)]))[0]).toMatch(/^a{300}\.\.\.$/);
});

describe("the parameters of a list", () => {
  it("are read like flags; an empty one is unset", () => {
    expect(listParams("/x?user_id=a+b&task_ids=t1,t2%20t1&page=2&page_size=&status=run,done&since=2h")).toEqual({
      ...rawQuery(() => null),
      ...{ users: ["a b"], taskIds: ["t1", "t2"], page: 2, pageSize: null, statuses: ["run", "done"] },
      ...{ since: "2h", until: null },
    });
    expect(listParams("/x")).toEqual(listParams("/x?user_id=&task_ids=&page=&status="));
  });

  it.each(["foo=1", "page=1&page=2", "page=x", "page=1.5", "__proto__=1", "constructor=1", "user_id=a&user_id="])(
    "%s is refused",
    (query) => expect(() => listParams(`/x?${query}`)).toThrow(expect.objectContaining({ code: "USAGE" })),
  );

  it("are named where others are given", () => {
    expect(() => paramsOf("/x?y=1", ["a", "b"])).toThrow(expect.objectContaining({ hint: "accepted: a, b" }));
  });
});

describe("an expensive response", () => {
  let now = 0;
  const clock = { ...systemClock, now: () => now, monotonic: () => now };

  it("is made once for all clients, and again when it is old; a failure is not cached", async () => {
    const kept = new KeptAnswers<number>(clock);
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
});

describe("the doorbell", () => {
  it("rings after a change, two seconds later and every minute, and while the stores can't be read", async () => {
    const clock = new TestClock();
    let mark: string | null = "a";
    const doorbell = new Doorbell(clock, async () => mark ?? Promise.reject(new Error("down")));
    const left = new AbortController();
    const rings: [ring: number, at: number][] = [];
    const began = clock.monotonic();
    const listening = doorbell.listen(async (ring) => {
      rings.push([ring, Math.round(clock.monotonic() - began)]);
      if (ring === 4) mark = "b";
      if (ring === 6) mark = null;
      if (ring === 8) left.abort();
    }, left.signal);
    await listening;
    expect(rings).toEqual([
      ...[
        [0, 0],
        [2, 0],
        [3, 2],
      ], // the first look, and again
      ...[
        [4, 62],
        [5, 63],
        [6, 65],
      ], // a minute; the change
      ...[
        [7, 66],
        [8, 67],
      ],
    ]);
  });

  it("has one answer for all that ask the same after the last ring", async () => {
    const doorbell = new Doorbell(systemClock, async () => "a");
    let made = 0;
    const ask = (ring: number, question = "q") => doorbell.share(ring, question, async () => ({ text: `${++made}` }));
    expect([await ask(1), await ask(1)].map(({ text }) => text)).toEqual(["1", "2"]); // nobody listens
    const left = new AbortController();
    const ring = await new Promise<number>((rung) => {
      void doorbell.listen(async (ring) => void (ring > 0 && rung(ring)), left.signal);
    });
    const texts = await Promise.all([ask(ring), ask(ring), ask(ring, "r"), ask(ring - 1), ask(0), ask(Number.NaN)]);
    expect(texts.map(({ text }) => text)).toEqual(["3", "3", "4", "5", "6", "7"]);
    const failed = doorbell.share(ring, "s", () => Promise.reject(new Error("left")));
    const other = doorbell.share(ring, "s", async () => ({ text: "own" }));
    await expect(failed).rejects.toThrow("left");
    expect(await other).toEqual({ text: "own" });
    left.abort();
  });
});
