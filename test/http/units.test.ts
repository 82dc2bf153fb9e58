import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
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
    ...["localhost..", "127.1", "2130706433", "::1", "localhost:", "localhost:1x", "localhost,evil"],
  ])("%j is not", (host) => expect(local.allows(host)).toBe(false));

  it("and a page's origin is the very host and port, or a proxy that is named", () => {
    const allowed = (origin: string, host = "localhost:9883") => local.allowsOrigin(origin, host);
    expect([allowed("http://localhost:9883"), allowed("https://tts.example.org")]).toEqual([true, true]);
    for (const origin of ["null", "http://localhost:3000", "http://localhost", "http://evil.example", "", "file://"]) {
      expect(allowed(origin)).toBe(false);
    }
  });
});

it("a range is within the file, whatever is requested", () => {
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
    let made = 0;
    const inStep = async () => {
      now += 1;
      return ++made;
    };
    const { counts, forget } = keptCounts({ run: { inStep }, clock } as unknown as ServerParts);
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
