import { afterEach, beforeEach, expect, it } from "vitest";
import type { Artifacts } from "../../src/artifacts/artifacts.ts";
import { LONG } from "../helpers/long.ts";
import { Swapper } from "../helpers/swapper.ts";
import { NOW, Site } from "./helpers.ts";

const TASKS = LONG ? 1500 : 400;
const MILLISECONDS = LONG ? 2000 : 500;
/** On a busy machine it takes longer until the folder itself is there at the right moment. */
const MOST_MILLISECONDS = 30_000;

let site: Site;
let swapper: Swapper | undefined;

beforeEach(() => {
  site = new Site();
});
afterEach(async () => {
  swapper?.kill();
  await site.remove();
});

function startSwapping(folder: string, outside: string): Swapper {
  swapper = new Swapper([[site.path(folder), site.path(outside)]]);
  return swapper;
}

/** Returns whether to go on: until the time is up and something was removed. */
function clock(): (removed: number) => boolean {
  const began = Date.now();
  return (removed) => Date.now() - began < (removed > 0 ? MILLISECONDS : MOST_MILLISECONDS);
}

async function untilTimeIsUp(work: (i: number) => Promise<boolean>): Promise<number> {
  const goesOn = clock();
  let [next, done] = [0, 0];
  const worker = async () => {
    while (goesOn(done)) if (await work(next++ % TASKS)) done += 1;
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  return done;
}

function roundsOfAll(artifacts: Artifacts): Promise<number> {
  return untilTimeIsUp(async (i) => (await artifacts.purgeFolder("alice", `t${i}`, NOW)).kind === "removed");
}

/** Moved away and put back, or removed, by turns; a link that is in the way of putting it back leaves it to recover. */
async function roundsOfOneTask(artifacts: Artifacts): Promise<number> {
  const goesOn = clock();
  let removed = 0;
  while (goesOn(removed)) {
    const nows = [0, Number.POSITIVE_INFINITY, 0, Number.POSITIVE_INFINITY];
    const outcomes = await Promise.all(nows.map((now) => artifacts.purgeFolder("alice", "t0", now)));
    removed += outcomes.filter(({ kind }) => kind === "removed").length;
    await artifacts.recover();
  }
  return removed;
}

it.each([
  ["a user's folder", "output/alice", "outside"],
  ["a task's folder", "output/alice/t0", "outside/t0"],
])("touches nothing outside while %s is swapped for a link", async (_what, folder, outside) => {
  for (let i = 0; i < TASKS; i++) {
    site.write(`output/alice/t${i}/t${i}.wav`, "inside");
    site.write(`outside/t${i}/t${i}.wav`, "outside");
  }
  site.age();
  const before = site.tree("outside");
  const artifacts = await site.open();
  const child = startSwapping(folder, outside);
  const removed = folder.endsWith("t0") ? await roundsOfOneTask(artifacts) : await roundsOfAll(artifacts);
  expect(await child.stop()).toBeGreaterThan(5);
  expect(removed).toBeGreaterThan(0);
  expect(site.tree("outside")).toEqual(before);
});

it("changes nothing outside while a date of the logs is swapped for a link", async () => {
  for (let i = 0; i < TASKS; i++) {
    site.write(`Logs/20261101/09/t${i}.log`, "inside");
    site.write(`outside/09/t${i}.log`, "outside");
  }
  site.age();
  const before = site.tree("outside");
  const artifacts = await site.open();
  const index = await artifacts.indexLogs(() => true);
  const child = startSwapping("Logs/20261101", "outside");
  const removed = await untilTimeIsUp(async (i) => (await index.remove(`t${i}`, NOW)).files > 0);
  expect(await child.stop()).toBeGreaterThan(5);
  expect(removed).toBeGreaterThan(0);
  expect(site.tree("outside")).toEqual(before);
});
