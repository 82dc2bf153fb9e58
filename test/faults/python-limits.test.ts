import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { ago, record } from "../helpers/records.ts";
import type { RecordJson } from "../helpers/root.ts";
import { triedBadInput } from "./helpers/tally.ts";

const here = usePlace();

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
