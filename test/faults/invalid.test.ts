import { describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { ago, record } from "../helpers/records.ts";
import { triedBadInput } from "./helpers/tally.ts";

const here = usePlace();
const OLD = record("a", "t1");
const YOUNG = record("b", "young", { updated_at: ago(60) });
const NO_TIME = { user_id: "a", task_id: "none", status: "succeeded" };

/** Invalid elements, as bytes. */
const INVALID = [
  ...["null", "7", "1.0", '"text"', "[]", "{}", '[{"user_id":"a","task_id":"t1"}]'],
  '{"user_id": "a", "status": "succeeded"}',
  '{"task_id":"t1"}',
  '{"user_id":"","task_id":"t1","updated_at":"2020-01-01T00:00:00"}',
  '{"user_id":7,"task_id":"t1","updated_at":"2020-01-01T00:00:00"}',
  '{"user_id":"a:b","task_id":"t1","status":"succeeded","updated_at":"2020-01-01T00:00:00"}',
  '{"user_id":"a\\ud800","task_id":"t1","status":"succeeded","updated_at":"2020-01-01T00:00:00"}',
  JSON.stringify(NO_TIME),
  JSON.stringify({ ...NO_TIME, task_id: "soon", updated_at: "soon" }),
  JSON.stringify({ ...NO_TIME, task_id: "null", updated_at: null }),
  '{"user_id":"a","task_id":"huge","status":"succeeded","updated_at":1e999, "n": 12345678901234567890.10}',
];

describe("row F, duplicate tasks, records that are not objects, invalid records of every kind", () => {
  /** The same task twice, the newer one first. */
  const twice = [record("b", "twice", { updated_at: ago(60), n: 1 }), record("b", "twice", { n: 2 })];
  const store = (...elements: string[]) => `[${elements.join(",")}]`;
  const stay = [...INVALID, JSON.stringify(YOUNG), ...twice.map((one) => JSON.stringify(one))];

  it.each([
    "cleanup --once -o json",
    "delete --user a --ids t1 --yes -o json",
    "delete --status done --until 1d --yes -o json",
  ])("%s: all bytes of what stays survive", async (line) => {
    here.root.write("voice_task.json", store(JSON.stringify(OLD), ...stay), 1_600_000_000);
    const run = await here.run(line);
    triedBadInput(INVALID.length + 1);
    expect(run.code, run.stderr).toBe(0);
    expect(here.root.storeText()).toBe(store(...stay));
  });

  it("mark, import and verify --repair: all bytes of unchanged records survive", async () => {
    here.root.write("voice_task.json", store(...stay), 1_600_000_000);
    here.root.write("in.jsonl", `${JSON.stringify(record("c", "new"))}\n`);
    await here.run("sync");
    await here.mirrored(record("b", "young", { text: "newer", updated_at: ago(30) }));
    for (const line of ["verify --repair", "import in.jsonl --yes", "mark --user c --ids new --to failed --yes"]) {
      const run = await here.run(line);
      expect([0, 3], `${line}: ${run.stderr}`).toContain(run.code);
      for (const text of INVALID) expect(here.root.storeText(), line).toContain(text);
      triedBadInput(INVALID.length);
    }
    expect(here.root.storeText()).toContain('"newer"');
    expect(here.root.storeText()).toMatch(/"task_id": ?"new"/);
  });
});
