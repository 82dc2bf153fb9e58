import { appendFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LogFollower } from "../../src/artifacts/artifacts.ts";
import "../helpers/python.ts";
import { openDescriptors, Site } from "./helpers.ts";

let site: Site;
beforeEach(() => {
  site = new Site();
});
afterEach(() => site.remove());

const LOG = "Logs/20260101/08/t1.log";
const numbered = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`);

describe("the last lines of a log", () => {
  it("are the same as from tail(1) for any log", async () => {
    const artifacts = await site.open();
    const line = fc.oneof(fc.constantFrom("", "语音", "\u001b[2J", "x".repeat(40_000)), fc.string({ maxLength: 5 }));
    const log = fc.array(
      line.map((text) => text.replaceAll(/[\r\n]/g, "")),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(log, fc.boolean(), fc.integer({ min: 1, max: 15 }), async (lines, ended, count) => {
        const text = lines.join("\n") + (ended && lines.length > 0 ? "\n" : "");
        site.write(LOG, text);
        const all = text.split("\n");
        if (all.at(-1) === "") all.pop();
        const got = (await artifacts.logsOf("t1").last(count)).flatMap((part) => part.lines);
        expect(got).toEqual(all.slice(-count));
      }),
    );
  });
});

describe("following a log", () => {
  async function drained(follower: LogFollower): Promise<string[]> {
    const lines: string[] = [];
    for (let part = await follower.read(); part !== undefined; part = await follower.read()) lines.push(...part.lines);
    return lines;
  }

  it("returns each line once, across rotation, truncation and the change of the hour", async () => {
    site.write(LOG, `${numbered(1, 5).join("\n")}\nline`);
    const artifacts = await site.open();
    const descriptors = openDescriptors();
    const follower = artifacts.logsOf("t1");
    expect(await follower.begin(3)).toBe(true);
    expect(await drained(follower)).toEqual(["line 4", "line 5"]);
    appendFileSync(site.path(LOG), " 6\n");
    expect(await drained(follower)).toEqual(["line 6"]);

    appendFileSync(site.path(LOG), "unfinished");
    renameSync(site.path(LOG), site.path(`${LOG}.1`));
    writeFileSync(site.path(LOG), "line 7\n");
    expect(await follower.look()).toEqual([]); // the old one is read to its end first
    expect(await drained(follower)).toEqual([]);
    expect(await follower.look()).toEqual([`"${LOG}" was replaced`]);
    expect(await drained(follower)).toEqual(["unfinished", "line 7"]);

    truncateSync(site.path(LOG), 0);
    expect(await follower.look()).toEqual([`"${LOG}" was truncated`]);
    appendFileSync(site.path(LOG), "line 8\n");
    expect(await drained(follower)).toEqual(["line 8"]);

    site.write("Logs/20260101/09/t1.log", "line 9\nline 10");
    site.write("Logs/20260102/00/t1.log", "line 11\n");
    expect(await follower.look()).toEqual([]);
    expect(await drained(follower)).toEqual(["line 9", "line 11"]);
    expect(follower.rest()).toEqual([{ path: "Logs/20260101/09/t1.log", lines: ["line 10"] }]);
    await follower.close();
    expect(openDescriptors()).toBeLessThanOrEqual(descriptors + 3); // hours that the artifacts keep open
  });
});
