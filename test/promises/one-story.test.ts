import * as fc from "fast-check";
import { expect, it } from "vitest";
import { compareSample } from "../../src/operations/verify/compare.ts";
import { KINDS, type Kind } from "../../src/operations/verify/drift.ts";
import { taskOf } from "../helpers/records.ts";
import { SEED } from "../helpers/seed.ts";
import { at, useSite } from "../operations/setup.ts";

const here = useSite();
const NAMES = ["a", "b", "c", "d"];

/** A task in both stores: its record and hash as the second of the change and a text, and its index members. */
interface Copies {
  readonly file: readonly [second: number, text: string] | null;
  readonly hash: readonly [second: number, text: string] | null;
  readonly global: "right" | "wrong" | null;
  readonly own: "right" | "wrong" | null;
}

const version = fc.option(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.constantFrom("x", "y")), { freq: 2 });
const member = fc.constantFrom("right", "right", "wrong", null);
const copies: fc.Arbitrary<Copies> = fc.record({ file: version, hash: version, global: member, own: member });

function kindOf({ file, hash, global, own }: Copies): Kind | "inSync" | "absent" {
  if (hash === null && (global ?? own) !== null) return "dangling";
  if (hash === null) return file === null ? "absent" : "onlyInFile";
  if (file === null) return "onlyInRedis";
  if (file[0] !== hash[0]) return file[0] > hash[0] ? "stale" : "newerInRedis";
  if (file[1] !== hash[1]) return "differs";
  if (global === null || own === null) return "unindexed";
  return global === "right" && own === "right" ? "inSync" : "wrongScore";
}

/** Lays the copies of the tasks, beside one that is in sync. */
async function lay(tasks: readonly Copies[]): Promise<void> {
  const { site } = here;
  await site.server.call("FLUSHALL");
  const of = (place: "file" | "hash") => {
    return tasks.flatMap(({ [place]: own }, i) => (own === null ? [] : [at(NAMES[i]!, own[0], { text: own[1] })]));
  };
  site.root.writeStore([at("z", 1), ...of("file")]);
  await site.writeRedis(at("z", 1), ...of("hash"));
  for (const [i, { file, hash, global, own }] of tasks.entries()) {
    const due = taskOf(at(NAMES[i]!, (hash ?? file ?? [1])[0])).score;
    for (const [state, key, name] of [
      [global, "tts:tasks:index", `alice:${NAMES[i]}`],
      [own, "tts:user:alice:index", NAMES[i]!],
    ] as const) {
      if (state === null) await site.server.call("ZREM", key, name);
      else await site.server.call("ZADD", key, due + (state === "right" ? 0 : 5), name);
    }
  }
}

async function exported() {
  const { result, tasks } = await here.site.export();
  return {
    dangling: result.dangling,
    texts: Object.fromEntries(tasks.map((task) => [task.taskId, JSON.parse(task.json).text])),
  };
}

const tally = (kinds: readonly string[]) =>
  Object.fromEntries(KINDS.map((kind) => [kind, kinds.filter((k) => k === kind).length]));

it("sync, verify, doctor's sample and export agree on any two stores, which are equal after a repair", async () => {
  const { site } = here;
  const story = async (tasks: readonly Copies[]) => {
    await lay(tasks);
    const kinds = tasks.map(kindOf);
    const count = (which: (task: Copies, kind: string) => boolean) =>
      tasks.filter((task, i) => which(task, kinds[i]!)).length;
    const { result } = await site.verify();
    expect(result).toMatchObject({ ...tally(kinds), checked: 1 + count((_, kind) => kind !== "absent") });
    await using snapshot = await site.file.read();
    const sampled = await compareSample(site, snapshot);
    const seen = kinds.filter((_, i) => (tasks[i]!.file ?? tasks[i]!.global) !== null);
    expect({ ...tally([]), ...Object.fromEntries(sampled.counts) }).toEqual(tally(seen));

    const isDue = ({ file, hash, global, own }: Copies) =>
      file !== null &&
      (hash === null || hash[0] < file[0] || (hash[0] === file[0] && (global !== "right" || own !== "right")));
    const pushed = { written: count(isDue), newerInRedis: count((_, kind) => kind === "newerInRedis") };
    const isOrphan = ({ file, hash, global }: Copies) => file === null && (hash ?? global) !== null;
    const listed = ({ file, global }: Copies) => file === null && global !== null;
    const lacks = ({ file, hash }: Copies) => file === null && hash !== null;
    expect(await site.sync({ dryRun: true })).toMatchObject({ ...pushed, orphans: count(lacks), failed: 0 });
    const pruned = { orphans: count(isOrphan), pruned: count(isOrphan) };
    expect(await site.sync({ dryRun: true, prune: true, maxDelete: null })).toMatchObject({ ...pushed, ...pruned });

    const newest = tasks.flatMap(({ file, hash }, i) => {
      const best = hash !== null && (file === null || hash[0] > file[0]) ? hash : file;
      return best === null ? [] : [[NAMES[i]!, best[1]]];
    });
    const all = { z: expect.any(String), ...Object.fromEntries(newest) };
    const isDangling = (task: Copies) => listed(task) && task.hash === null;
    expect(await exported()).toEqual({ dangling: count(isDangling), texts: all });

    const repaired = count((_, kind) => kind !== "absent" && kind !== "inSync");
    expect((await site.repair({ restore: true })).result).toMatchObject({ ...tally(kinds), repaired });
    const rest = 1 + newest.length;
    expect((await site.verify()).result).toMatchObject({ checked: rest, inSync: rest });
    expect(await site.sync({ dryRun: true })).toMatchObject({ unchanged: rest, written: 0, orphans: 0 });
    expect(await exported()).toEqual({ dangling: 0, texts: all });
  };
  const many = fc.array(copies, { minLength: 1, maxLength: NAMES.length });
  await fc.assert(fc.asyncProperty(many, story), { seed: SEED, numRuns: 40 });
});
