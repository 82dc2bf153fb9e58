import { expect, it } from "vitest";
import { memberOf, type TaskId } from "../../src/task/ids.ts";
import { ago, record } from "../helpers/records.ts";
import { useSite } from "./setup.ts";

const here = useSite();
const TASKS = [record("a", "t1"), record("a", "t2")] as const;
const NEW = { status: "running", updated_at: ago(0) };
const inFile = () => here.site.root.writeStore([record("a", "t1", NEW), TASKS[1]]);
const inRedis = () => here.site.server.call("HSET", "tts:task:a:t1", ...Object.entries(NEW).flat());

const undo = () => here.site.root.writeStore([TASKS[0], here.site.root.readStore()[1]!]);

/** Has something happen around the first call of a method. */
function at(when: "onCall" | "afterCall", method: string, act: () => unknown): void {
  let isDone = false;
  here.site.flaky[when](async (called) => {
    if (called !== method || isDone) return;
    isDone = true;
    await act();
  });
}

it.each<[what: string, event: string, run: () => Promise<unknown>, when: () => void]>([
  ["purged in Redis", "stayed", () => here.site.cleanup(), () => at("onCall", "remove", inRedis)],
  ["purged in the file", "stayed", () => here.site.cleanup(), () => at("afterCall", "remove", inFile)],
  ["marked", "stayed", () => here.site.mark({}), () => (here.site.whileAsked = inFile)],
  ["marked, undone", "returned", () => here.site.mark({}), () => at("afterCall", "upsert", undo)],
  ["pruned", "stayed", () => lay("b").sync({ prune: true, maxDelete: null }), () => at("onCall", "remove", inRedis)],
  ["repaired", "stayed", () => lay("a", 2021).repair(), () => at("onCall", "upsert", inRedis)],
])("the ledger names a task that is announced but not %s as %s", async (_, event, run, when) => {
  const { site } = here;
  const noted: [string, string][] = [];
  const note = async (name: string, tasks: readonly object[]) =>
    tasks.forEach((task) => void noted.push([name, memberOf(task as TaskId)]));
  const announce = (_: string, entries: readonly object[]) => note("announced", entries);
  site.ledger = { announce, stayed: (ids) => note("stayed", ids), returned: (ids) => note("returned", ids) };
  await site.writeBoth(...TASKS);
  when();
  await run();
  expect(noted.filter(([name]) => name !== "announced")).toEqual([[event, "a:t1"]]);
  expect(noted.slice(0, 2)).toEqual(TASKS.map(({ task_id }) => ["announced", `a:${task_id}`]));
});

function lay(user: string, year = 2020) {
  here.site.root.writeStore(
    ["t1", "t2"].map((id) => record(user, id, { updated_at: `${year}-01-01T08:00:05.250001` })),
  );
  return here.site;
}
