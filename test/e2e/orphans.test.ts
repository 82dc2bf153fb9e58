import { expect, it } from "vitest";
import { isOn } from "../helpers/lacks.ts";
import { record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const gone = Array.from({ length: 3 }, (_, i) => ({ user_id: "old user", task_id: `t${i}` }));

function fill(): void {
  const kept = ["k1", "k2", "k3", "k4"].map((task) => record("alice", task));
  here.root.writeStore(kept);
  here.root.writeArtifacts([...kept, ...gone]);
}

const withSpaces = it.skipIf(isOn("api_ms", "a directory with a space in its name has no owner there"));

withSpaces("lists orphans without --yes and says how to remove them; removes them with it", async () => {
  fill();
  const before = here.root.tree();
  const plan = await here.run("cleanup --orphans");
  expect([plan.code, plan.stderr]).toEqual([0, ""]);
  expect(lines(plan.stdout)).toContain('[ORPHAN] path="output/old user/t1" files=1 bytes=100 dry-run=yes');
  expect(plan.stdout).toContain("of 14 artifacts, old enough and without a record: 3 directories, 3 logs");
  expect(plan.stdout).toContain("6 would be removed (6 files, 330 bytes) by ttsctl cleanup --orphans --yes\n");
  const other = await here.run("cleanup --orphans --dry-run --yes --retention 2d --store voice_task.json");
  expect(other.stdout).toContain("by ttsctl cleanup --orphans --retention 2d --store voice_task.json --yes\n");
  expect(here.root.tree()).toEqual(before);
  const run = await here.run("cleanup --orphans --yes -o json");
  expect([run.code, JSON.parse(run.stdout)]).toMatchObject([0, { found: 14, removed: 6, bytes: 330, dryRun: false }]);
  expect(lines(run.stderr)).toContain('[ORPHAN] path="Logs/20200101/08/t1.log" files=1 bytes=10'.replaceAll('"', ""));
  expect(here.root.has("output/old user")).toBe(false);
  expect(here.root.has("output/alice/k1/k1.wav")).toBe(true);
});

it.each([
  ["--no-redis", 4],
  ["--redis-url redis://127.0.0.1:1", 4],
  ["--max-delete 5", 1], // 3 directories and 3 logs
  ["--retention 0", 2],
  ["--once", 2],
])("refuses with %s: exit code %i, and nothing is touched", async (flags, code) => {
  fill();
  const before = here.root.tree();
  expect((await here.run(`cleanup --orphans --yes ${flags}`)).code).toBe(code);
  expect(here.root.tree()).toEqual(before);
});
