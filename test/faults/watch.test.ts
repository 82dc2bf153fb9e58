import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { redisProxy } from "../helpers/faults.ts";
import { ago, record } from "../helpers/records.ts";
import { lines, openFiles } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { times } from "./helpers/chance.ts";
import { everything, exactly, sorted } from "./helpers/stores.ts";
import { triedFault } from "./helpers/tally.ts";
import { type Outcome, Watcher, watchersClock } from "./helpers/watcher.ts";

const here = usePlace();
/** An answer to TIME: seconds and microseconds. */
const TIME = /\*2\r\n\$10\r\n(\d{10})\r\n(?=\$\d{1,6}\r\n\d{1,6}\r\n$)/;
const AUDIT = "[audit]\npath = audit.jsonl\n";
let watcher: Watcher;
afterEach(() => watcher.stop());

interface Use {
  readonly descriptors: number;
  readonly megabytes: number;
}

/** What this process holds while the watcher in it waits. */
function use(): Use {
  return { descriptors: openFiles(process.pid).length, megabytes: process.memoryUsage().heapUsed / 2 ** 20 };
}

/** It holds no more than before: a heap breathes, a leak of some hundred passes would show. */
function expectFlat(early: Use, late: Use): void {
  expect(late.descriptors).toBeLessThanOrEqual(early.descriptors + 1); // a connection that is being closed
  expect(late.megabytes).toBeLessThan(early.megabytes + 40);
}

/** By the ledger every pass ended before the next one began. */
function expectOneAtATime(passes: number): void {
  const events = lines(readFileSync(here.root.at("audit.jsonl"), "utf8"))
    .map((line) => JSON.parse(line) as { event: string; run: string })
    .filter(({ event }) => event === "begin" || event === "end");
  const open: string[] = [];
  for (const { event, run } of events) {
    if (event === "begin") expect(open.push(run)).toBe(1);
    else expect(open.pop()).toBe(run);
  }
  expect(open).toEqual([]);
  expect(events).toHaveLength(2 * passes);
}

/** Every pass said how it went: one waits after each. */
function expectAllLogged(): void {
  expect(watcher.outcomes).toHaveLength(watcher.clock.longPauses.length);
}

const purgedIn = (outcome: Outcome): number => ("result" in outcome ? outcome.result.purged : 0);

describe("cleanup --watch", () => {
  it("through passes that fail: the wait doubles up to a quarter of an hour, and is short again after one that did not", async () => {
    here.root.configure(here.server.port, `${AUDIT}[cleanup]\nretention = 5m\n`);
    here.root.write("voice_task.json", "[{");
    watcher = new Watcher(here.root.path);
    expect(await watcher.first()).toMatchObject({ code: "STORE_INVALID" });
    for (let pass = 0; pass < 8; pass++) expect(await watcher.next()).toMatchObject({ code: "STORE_INVALID" });
    triedFault(9);
    expect(watcher.clock.longPauses).toEqual([60, 120, 240, 480, 900, 900, 900, 900, 900]);
    here.root.writeStore([record("a", "t1")]);
    expect(purgedIn(await watcher.next())).toBe(1);
    expect(watcher.clock.longPauses.at(-1)).toBe(30);
    expectAllLogged();
    expectOneAtATime(10);
  });

  it("through a configuration that can't be used, and a Redis that goes and comes back", async () => {
    here.root.configure(here.server.port, AUDIT);
    watcher = new Watcher(here.root.path);
    await watcher.first();
    here.root.writeStore([record("a", "t1")]);
    here.root.write("config.ini", "[redis\n");
    expect(purgedIn(await watcher.hangup())).toBe(1); // with the old one
    expect(watcher.log.some(({ code }) => code === "CONFIG_INVALID")).toBe(true);
    await here.server.stop();
    here.root.writeStore([record("a", "t1")]);
    expect(purgedIn(await watcher.next())).toBe(1); // on the file
    await here.server.start();
    here.root.writeStore([record("a", "t2")]);
    await here.mirrored(record("a", "t2"));
    expect(purgedIn(await watcher.next())).toBe(1);
    expect(await here.server.call("ZCARD", "tts:tasks:index")).toBe(0);
    triedFault(2);
    expectAllLogged();
  });

  it("through a day of passes on a fake clock: each task is purged in the first pass after its retention", async () => {
    const clock = watchersClock();
    const retention = times(3000, 300);
    const hours = times(3, 24);
    const passes = (hours * 3600) / (retention / 10);
    const ahead = (answer: string) =>
      answer.replace(TIME, (_, seconds) => `*2\r\n$10\r\n${Number(seconds) + Math.round(clock.jumped)}\r\n`);
    await using proxy = await redisProxy(here.server.port, () => "pass", ahead);
    here.root.configure(proxy.port, `${AUDIT}[cleanup]\nretention = ${retention}\n`);
    const everyHour = Array.from({ length: hours + 6 }, (_, hour) =>
      record("a", `h${hour}`, { updated_at: ago(retention - hour * 3600 - 1800) }),
    );
    here.root.writeStore(everyHour);
    here.root.writeArtifacts(everyHour);
    await here.mirrored(...everyHour);
    watcher = new Watcher(here.root.path, clock);
    await watcher.first();
    let early = use();
    for (let pass = 1; pass <= passes; pass++) {
      await clock.advance(retention / 10);
      await until(() => clock.longPauses.length > pass);
      if (pass === Math.round(passes / 4)) early = use();
    }
    expectFlat(early, use());
    expect((await watcher.stop()).code).toBe(0);
    triedFault(passes);
    expectAllLogged();
    expectOneAtATime(1 + passes);
    expect(new Set(watcher.clock.longPauses)).toEqual(new Set([retention / 10]));
    const left = everyHour.slice(hours);
    expect(sorted(await everything(here))).toEqual(exactly(left));
    const purging = watcher.outcomes.filter((outcome) => purgedIn(outcome) > 0);
    expect(purging.map(purgedIn)).toEqual(Array.from({ length: hours }, () => 1));
  });
});
