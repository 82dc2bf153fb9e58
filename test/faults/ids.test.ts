import { existsSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { ago, record } from "../helpers/records.ts";
import type { Run } from "../helpers/ttsctl.ts";
import { Chance, times } from "./helpers/chance.ts";
import { everything, nameOf, type TestRecord } from "./helpers/stores.ts";
import { triedBadInput } from "./helpers/tally.ts";

const here = usePlace();

/** Ids that have been used against programs which take them for paths, patterns, flags, code or keys of an object. */
const HOSTILE = [
  ...["..", ".", "...", "../../precious", "a/b", "/etc", "C:\\", "\\\\host\\share", "a\0b", "a\nb", "é".repeat(150)],
  ...[":", "a:b", "*", "?", "[a-z]*", "{a,b}", "~", "$(id)", "`id`", "%s%n", "-rf", "--all", "--", "a b", "a,b", '"'],
  ...["\u202eabc", "\u061cx", "a\u200bb", "\ufeffx", "a\u2028b", "\u{e0041}x", "\u3164", "t1\ufe0f", "\u001b[2J"],
  ...["__proto__", "constructor", "toString", "length", "0", "null", ".ttsctl-purge", ".TTSCTL-PURGE"],
  ...["voice_task.json", "tts:task:a:b", "tts:tasks:index", "🙂", "用户", "e\u0301"],
];

/** The ids that --user and --ids accept. */
const DELETABLE = HOSTILE.filter((id) => !/[,:\0\s]/.test(id));

const ownKeys = () => Reflect.ownKeys(Object.prototype).length;
const KEYS = ownKeys();
afterEach(() => expect(ownKeys()).toBe(KEYS));

/** Each hostile id as the task of a user, as a user, and as both. */
function hostileRecords(more = {}): TestRecord[] {
  const pairs = HOSTILE.flatMap((id) => [
    ["someone", id],
    [id, "some-task"],
    [id, id],
  ]);
  return pairs.map(([user, task]) => record(user!, task!, more));
}

const KEPT = [record("keep", "keep", { updated_at: ago(60) }), record("b", "t", { updated_at: ago(60) })];
const isValid = ({ user_id }: TestRecord) => !user_id.includes(":");

/** What a path made of an id would reach: beside the output, above it, in other users' folders. */
const PRECIOUS = [
  ...["precious/file", "etc/file", "some-task/file", "some-task.wav", "output/precious", "output/file", "Logs/file"],
  ...["output/a/b/some-task/b.wav", "output/keep/keep/keep.wav", "Logs/20200101/08/keep.log", "Logs/20200101/08/.log"],
];

/** Outside of what `cleanup --orphans` looks at, or no folder of a task. */
const OUTSIDE = [
  ...["precious/file", "etc/file", "some-task.wav", "output/precious", "output/keep/file", "Logs/file"],
  ...["Logs/20200101/file.log", "Logs/2020/08/x.log", "Logs/20200101/8/x.log"],
];

async function lay(records: readonly TestRecord[]): Promise<void> {
  here.root.writeStore(records);
  for (const path of PRECIOUS) here.root.write(path, "precious");
  for (const id of ["x", "someone"]) here.root.write(`output/${id}/other/other.wav`, "precious");
  here.root.age();
}

function expectPrecious(label: string): void {
  for (const path of PRECIOUS) expect(existsSync(here.root.at(path)), `${label}: ${path}`).toBe(true);
  for (const id of ["x", "someone"]) expect(here.root.has(`output/${id}/other/other.wav`), label).toBe(true);
}

/** Nothing in it can steer a terminal or break a line. */
function expectCalm(text: string, label: string): void {
  const steering = [...text].filter((char) => /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{DI}]/u.test(char) && char !== "\n");
  expect(steering, label).toEqual([]);
}

function expectWell(run: Run, codes: readonly number[], label: string): void {
  expect(codes, `${label}: ${run.stderr}`).toContain(run.code);
  expectCalm(run.stderr, `${label}, stderr`);
}

/** A command goes well and nothing of what it prints can steer a terminal. */
async function expectDone(line: string, codes: readonly number[]): Promise<void> {
  const run = await here.run(line);
  expectWell(run, codes, line);
  expectCalm(run.stdout, line);
  expectPrecious(line);
}

/** Both stores have these tasks and no other. */
async function expectOnly(records: readonly TestRecord[]): Promise<void> {
  const names = records.map(nameOf).sort();
  const { file, hashes, members } = await everything(here);
  expect([[...file].sort(), [...hashes].sort(), [...members].sort()]).toEqual([names, names, names]);
}

describe("row D, hostile ids in both stores", () => {
  it("are read as they are by every command, in every format, and no line is broken", async () => {
    const records = [...hostileRecords({ updated_at: ago(3600) }), ...KEPT];
    const valid = records.filter(isValid);
    await lay(records);
    triedBadInput(records.length);
    expectWell(await here.run("sync"), [0], "sync");
    const members = (await here.server.zset("tts:tasks:index")).map(([member]) => member);
    expect(members.sort()).toEqual(valid.map(nameOf).sort());
    for (const source of ["file", "redis"]) {
      const json = await here.run(`list --page-size 1000 -o json --source ${source}`);
      expectWell(json, [0], source);
      const { items } = JSON.parse(json.stdout) as { items: TestRecord[] };
      expect(items.map(nameOf).sort(), source).toEqual(valid.map(nameOf).sort());
      for (const output of ["table", "wide"]) {
        const table = await here.run(`list --page-size 1000 -o ${output} --source ${source}`);
        expectCalm(table.stdout, output);
      }
      for (const output of ["jsonl", "yaml", "csv"]) {
        expectWell(await here.run(`list --page-size 1000 -o ${output} --source ${source}`), [0], output);
      }
    }
    expectWell(await here.run("verify --details -o json"), [0, 3], "verify");
    expectPrecious("reading");
  });

  it("are purged with nothing outside their own folders, and no pattern matches another", async () => {
    const records = [...hostileRecords(), ...KEPT];
    await lay(records);
    await here.server.call("SET", "tts:other", "precious");
    expect((await here.run("sync")).code).toBe(0);
    for (const line of ["cleanup --once --dry-run", "cleanup --once"]) {
      const run = await here.run(line);
      triedBadInput(records.length);
      expectWell(run, [0], line);
      expectCalm(run.stdout, line);
      expectPrecious(line);
    }
    const left = await everything(here);
    const stay = records.filter((one) => !isValid(one)).map(nameOf);
    expect(left.file).toEqual([...stay, ...KEPT.map(nameOf)]);
    expect([...left.members].sort()).toEqual(KEPT.map(nameOf).sort());
    expect(await here.server.call("GET", "tts:other")).toBe("precious");
    expect(here.root.has("output/.ttsctl-purge")).toBe(false);
  });

  it("are imported, marked and deleted by filter, each the one task that it names", async () => {
    const records = hostileRecords();
    const valid = records.filter(isValid).map(nameOf);
    await lay(KEPT);
    await here.mirrored(...KEPT);
    for (const [policy, text] of [
      ["newer", "first"],
      ["replace", "second"],
    ]) {
      here.root.write("in.jsonl", records.map((one) => `${JSON.stringify({ ...one, text })}\n`).join(""));
      triedBadInput(records.length);
      await expectDone(`import in.jsonl --merge ${policy} --skip-invalid --yes`, [3]); // 3: the others were left out
      const found = here.root.readStore() as TestRecord[];
      expect(found.map(nameOf)).toEqual([...KEPT.map(nameOf), ...valid]);
      expect(new Set(found.slice(KEPT.length).map((one) => one.text))).toEqual(new Set([text]));
      await expectDone("verify", [0]);
    }
    await expectDone("mark --until 1d --to failed --error \u202e\u001b[2J --yes", [0]);
    expect(here.root.readStore().filter(({ status }) => status === "failed")).toHaveLength(valid.length);
    await expectDone("verify", [0]);
    await expectDone("delete --status error --yes", [0]);
    await expectOnly(KEPT);
  });

  it("that name directories and logs without a record: only these are removed", async () => {
    const names = HOSTILE.filter((id) => !/[/\0]|^\.{1,2}$|^\.ttsctl/i.test(id) && Buffer.byteLength(id) < 250);
    const isPlain = (id: string) => !/[\\\p{Cc}]/u.test(id);
    await here.synced(...KEPT);
    here.root.writeArtifacts([...KEPT, ...names.map((id) => ({ user_id: id, task_id: id }))]);
    for (const path of OUTSIDE) here.root.write(path, "precious");
    triedBadInput(names.length);
    const run = await here.run("cleanup --orphans --yes --max-delete 100%");
    expectWell(run, [0], "orphans");
    expectCalm(run.stdout, "orphans");
    for (const path of OUTSIDE) expect(here.root.has(path), path).toBe(true);
    const { audio, logs } = await everything(here);
    const left = names.filter((id) => !isPlain(id)); // no folder of a task has such a name
    const ofTasks = audio.filter((name) => !/(^|:)output(:|$)/.test(name));
    expect(ofTasks.sort()).toEqual([...KEPT.map(nameOf), ...left.map((id) => `${id}:${id}`)].sort());
    const taskLogs = logs.filter((name) => name !== "file" && name !== "x");
    expect(taskLogs.sort()).toEqual([...KEPT.map(({ task_id }) => task_id), ...left].sort());
  });
});

it("row D, hostile ids on the command line name one task and no other, and aren't flags", async () => {
  const records = [...hostileRecords(), ...KEPT];
  await lay(records);
  await here.mirrored(...records.filter(isValid));
  const chance = new Chance("ids");
  const chosen = chance.some(DELETABLE, times(6, DELETABLE.length));
  for (const id of chosen) {
    triedBadInput(3);
    const label = JSON.stringify(id);
    const list = await here.runArgs(["list", `--user=${id}`, `--ids=${id}`, "-o", "json"]);
    expectWell(list, [0], label);
    expect(JSON.parse(list.stdout).items.map(nameOf), label).toEqual([`${id}:${id}`]);
    const flags = ["--yes", "--allow-empty", "-o", "json"];
    const gone = await here.runArgs(["delete", `--user=${id}`, `--ids=${id}`, ...flags]);
    expectWell(gone, [0], label);
    expect(JSON.parse(gone.stdout), label).toMatchObject({ requested: 1, deleted: 1 });
    expectPrecious(label);
  }
  const { file, members } = await everything(here);
  const left = records.filter(({ user_id, task_id }) => user_id !== task_id || !chosen.includes(user_id));
  expect(file).toEqual(left.map(nameOf));
  expect([...members].sort()).toEqual(left.filter(isValid).map(nameOf).sort());
});
