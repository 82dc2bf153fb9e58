import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { ago, record } from "../helpers/records.ts";
import type { RecordJson } from "../helpers/root.ts";
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

const BEYOND: [string, string][] = [
  ["an integer of 5,000 digits", "1".repeat(5000)],
  ["12,000 nested arrays", "[".repeat(12_000) + "]".repeat(12_000)],
];
const GOOD = [record("a", "t1"), record("a", "t3")];

/** The text of a record with a field that Python cannot read. */
const beyond = (value: string, of: RecordJson = record("a", "t2")) =>
  `${JSON.stringify(of).slice(0, -1)},"x":${value}}`;

function expectReadable(): void {
  const load = "import json,sys; print(len(json.load(open(sys.argv[1]))))";
  expect(() => execFileSync("python3", ["-c", load, here.root.store], { stdio: "pipe" })).not.toThrow();
}

const ids = () => here.root.readStore().map(({ task_id }) => task_id);

describe("row D, a record that Python cannot read", () => {
  it.each(BEYOND)("%s in Redis is neither restored nor marked; its neighbours are", async (_, value) => {
    here.root.writeStore([record("b", "mine", { updated_at: ago(3600) })]);
    await here.mirrored(...GOOD, record("a", "t2"), record("b", "mine", { updated_at: ago(3600) }));
    await here.server.call("HSET", "tts:task:a:t2", "payload", beyond(value));
    const run = await here.run("verify --repair --restore -o json");
    triedBadInput();
    expectReadable();
    expect(ids().sort()).toEqual(["mine", "t1", "t3"]);
    expect([run.code, run.stderr]).toEqual([3, expect.stringContaining("t2")]);
    const mark = await here.run("mark --user a --ids t1,t2 --to error --yes -o json");
    expect([mark.code, JSON.parse(mark.stdout)]).toMatchObject([3, { marked: 1 }]);
    expectReadable();
  });

  it.each(BEYOND)("%s in an import is an invalid record, which fails alone", async (_, value) => {
    here.root.writeStore([]);
    here.root.write("in.jsonl", [JSON.stringify(GOOD[0]), beyond(value), JSON.stringify(GOOD[1]), ""].join("\n"));
    expect(await here.run("import in.jsonl --yes")).toMatchObject({ code: 1 });
    expect(ids()).toEqual([]);
    const run = await here.run("import in.jsonl --yes --skip-invalid -o json");
    triedBadInput();
    expect(JSON.parse(run.stdout)).toMatchObject({ added: 2, invalid: 1 });
    expectReadable();
    expect(ids()).toEqual(["t1", "t3"]);
  });

  it.each(BEYOND)(
    "%s in the file is kept to the byte, counted, and neither synced, marked nor purged",
    async (_, value) => {
      const [first, last] = GOOD.map((task) => JSON.stringify(task));
      here.root.write("voice_task.json", `[${first}, ${beyond(value)}, ${last}]`, 1_600_000_000);
      const sync = await here.run("sync -o json");
      triedBadInput();
      expect(JSON.parse(sync.stdout)).toMatchObject({ total: 2, written: 2, invalid: 1 });
      const mark = await here.run("mark --user a --ids t1,t2 --to error --yes -o json");
      expect(JSON.parse(mark.stdout)).toMatchObject({ marked: 1, refused: [{ task_id: "t2" }] });
      expect((await here.run("delete --user a --ids t3 --yes")).code).toBe(0);
      expect(here.root.storeText()).toContain(beyond(value));
      expect(JSON.parse((await here.run("verify -o json")).stdout)).toMatchObject({ invalid: 1 });
    },
  );
});
