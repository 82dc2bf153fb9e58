import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import type { TestClock } from "../helpers/clock.ts";
import { ago, record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { Chance, times } from "./helpers/chance.ts";
import { everyByte, everything, exactly, sorted } from "./helpers/stores.ts";
import { triedBadInput, triedFault } from "./helpers/tally.ts";
import { Watcher, watchersClock } from "./helpers/watcher.ts";

const DAY = 86_400;
const OLD = Array.from({ length: 9 }, (_, i) => record(`user${i % 3}`, `old${i}`));
/** Expired already if the clock were a day ahead. */
const NEARLY = [record("user0", "nearly", { updated_at: ago(6.5 * DAY) })];
const YOUNG = [record("user1", "young", { updated_at: ago(60) }), record("user2", "run", { status: "running" })];
const LATE = record("user0", "late");
const STAYING = [...NEARLY, ...YOUNG];

const codeOf = (stderr: string): string => JSON.parse(lines(stderr).at(-1)!).code;

describe("a false clock", () => {
  const here = usePlace();
  let clock: TestClock;
  beforeEach(() => {
    clock = watchersClock();
  });

  async function lay(): Promise<void> {
    here.root.writeStore([...OLD, ...STAYING]);
    here.root.writeArtifacts([...OLD, ...STAYING]);
    expect((await here.run("sync")).code).toBe(0);
  }
  const seen = () => everyByte(here);

  /** With the right clock the purge goes on. */
  async function purges(line = "cleanup --once -o json"): Promise<void> {
    const run = await here.run(line);
    expect(run.code, run.stderr).toBe(0);
    expect(sorted(await everything(here))).toEqual(exactly(STAYING));
  }

  const chance = new Chance("false clock");
  const LINES = ["cleanup --once", "cleanup --once --dry-run", "cleanup --orphans --yes"];
  const ONCE = LINES.slice(0, 1);
  const FAILED = "[cleanup]\nretention.error = 100s\n";
  const FURTHER = Array.from({ length: times(1, 40) }, () => {
    const seconds = Math.round(65 * 10 ** (chance.next() * 6));
    const offset = chance.of([1, -1]) * Math.min(seconds, 50 * 365 * DAY);
    return { what: `${seconds} s off`, offset, ini: "", more: "", lines: ["cleanup --once"] };
  });
  it.each([
    { what: "a day ahead", offset: DAY, ini: "", more: "", lines: LINES },
    { what: "a day back", offset: -DAY, ini: "", more: "", lines: LINES },
    { what: "off by over a tenth of a retention", offset: 30, ini: "", more: " --retention 100s", lines: ONCE },
    { what: "too far off for failed tasks alone", offset: 30, ini: FAILED, more: "", lines: ONCE },
    ...FURTHER,
  ])("$what of Redis: nothing is removed anywhere, exit 1, and with the right clock the purge goes on", async (one) => {
    await lay();
    here.root.configure(here.server.port, one.ini);
    here.root.writeArtifacts([record("orphan", "unowned")]);
    const before = await seen();
    clock.shift = one.offset;
    for (const how of one.lines) {
      const run = await here.run(`${how}${one.more} -o json`, { clock });
      expect({ code: run.code, error: codeOf(run.stderr) }, run.stderr).toEqual({ code: 1, error: "CLOCK_SKEW" });
      expect(await seen()).toEqual(before);
      triedFault();
    }
    clock.shift = 0;
    expect((await here.run("cleanup --orphans --yes -o json", { clock })).code).toBe(0);
    await purges();
  });

  it.each([
    "delete --status done,error --until 7d --yes",
    "delete --since 1000d --until 2026-01-01 --dry-run",
    "mark --status done --until 7d --to error --yes",
    "mark --user user2 --ids run --to error --dry-run",
    "delete --stuck --force --yes",
  ])("a day off, %s: refused, nothing is changed, and with the right clock it goes on", async (line) => {
    await lay();
    const before = await seen();
    clock.shift = chance.of([1, -1]) * DAY;
    const run = await here.run(`${line} -o json`, { clock });
    triedFault();
    expect({ code: run.code, error: codeOf(run.stderr) }, run.stderr).toEqual({ code: 1, error: "CLOCK_SKEW" });
    expect(await seen()).toEqual(before);
    expect((await here.run(line)).code).toBe(0);
  });

  describe.each([
    { redis: "on", flags: [] },
    { redis: "off", flags: ["--no-redis"] },
  ])("of --watch, Redis $redis", ({ redis, flags }) => {
    let watcher: Watcher;
    const watch = async () => {
      await lay();
      watcher = new Watcher(here.root.path, clock, ...flags);
      expect(await watcher.first()).toMatchObject({ result: { purged: OLD.length } });
      here.root.writeStore([LATE, ...STAYING]);
      here.root.writeArtifacts([LATE]);
      if (redis === "on") await here.mirrored(LATE);
    };
    afterEach(() => watcher.stop());

    it.each([
      { what: "a day ahead", jump: DAY },
      { what: "a day back", jump: -DAY },
      ...Array.from({ length: times(0, 10) }, () => {
        const jump = chance.of([1, -1]) * (100 + chance.below(30 * DAY));
        return { what: `by ${jump} s`, jump };
      }),
    ])("that jumps $what between two passes: refused and logged until it is back", async ({ jump }) => {
      await watch();
      const before = await seen();
      clock.shift = jump;
      for (let pass = 0; pass < 3; pass++) {
        expect(await watcher.next()).toMatchObject({ code: "CLOCK_SKEW" });
        expect(await seen()).toEqual(before);
        triedFault();
      }
      clock.shift = 0;
      expect(await watcher.next()).toMatchObject({ result: { purged: 1 } });
      expect(here.root.readStore()).toEqual(STAYING);
      if (redis === "on") expect(sorted(await everything(here))).toEqual(exactly(STAYING));
      expect(clock.longPauses).toEqual([300, 600, 900, 900, 300]); // seconds
    });

    it.runIf(redis === "on")("that jumps to that of Redis: one pass is refused, and the next one goes on", async () => {
      await watch();
      clock.jumped += DAY / 12;
      clock.shift -= DAY / 12;
      expect(await watcher.next()).toMatchObject({ code: "CLOCK_SKEW" });
      expect(await watcher.next()).toMatchObject({ result: { purged: 1 } });
    });

    it.runIf(redis === "off")("that jumps by two hours: a SIGHUP confirms it", async () => {
      await watch();
      clock.shift = DAY / 12;
      expect(await watcher.next()).toMatchObject({ code: "CLOCK_SKEW" });
      expect(await watcher.hangup()).toMatchObject({ result: { purged: 1 } });
    });
  });

  describe("a task time in the future", () => {
    const inADay = (Date.now() / 1000 + DAY).toFixed(3);
    const FUTURE = [
      record("user0", "tomorrow", { updated_at: ago(-DAY) }),
      record("user0", "naive", { updated_at: ago(-DAY).slice(0, 19) }),
      record("user1", "number", { updated_at: Number(inADay) }),
      record("user2", "far", { updated_at: "9999-12-31T23:59:59.999999" }),
      record("user2", "soon", { updated_at: ago(-600), status: "failed" }),
    ];

    it.each(["cleanup --once -o json", "cleanup --once -o json --no-redis"])(
      "%s: kept and named, while the rest is purged",
      async (line) => {
        here.root.writeStore([...OLD, ...FUTURE]);
        here.root.writeArtifacts([...OLD, ...FUTURE]);
        expect((await here.run("sync")).code).toBe(0);
        const run = await here.run(line);
        triedBadInput(FUTURE.length);
        expect(run.code, run.stderr).toBe(0);
        expect(JSON.parse(run.stdout)).toMatchObject({ purged: OLD.length });
        for (const { user_id, task_id } of FUTURE) {
          expect(run.stderr).toMatch(new RegExp(`${user_id}:${task_id} is kept: .*future`));
        }
        if (line.includes("--no-redis")) return expect(here.root.readStore()).toEqual(FUTURE);
        expect(sorted(await everything(here))).toEqual(exactly(FUTURE));
      },
    );

    it("in only one of the two copies: kept and named", async () => {
      const later = { updated_at: ago(-DAY) };
      const inRedis = record("user0", "there");
      const inFile = record("user1", "here", later);
      const onlyRedis = record("user2", "alone", later);
      here.root.writeStore([...OLD, inRedis, inFile]);
      here.root.writeArtifacts([...OLD, inRedis, inFile, onlyRedis]);
      await here.mirrored(...OLD, { ...inRedis, ...later }, record("user1", "here"), onlyRedis);
      const run = await here.run("cleanup --once -o json");
      triedBadInput(3);
      expect(run.code, run.stderr).toBe(0);
      const { file, ...others } = sorted(await everything(here));
      expect(file).toEqual(["user0:there", "user1:here"]);
      expect(others.hashes).toEqual(["user0:there", "user1:here", "user2:alone"]);
      expect(others.audio).toEqual(others.hashes);
      for (const name of others.hashes) expect(run.stderr).toMatch(new RegExp(`${name} is kept: .*future`));
    });
  });
});
