import { mkdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { beforeEach, describe, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { namesOf, usePlace } from "./setup.ts";

interface Line {
  event: string;
  run: string;
  time: string;
  [field: string]: unknown;
}

const here = usePlace();
const AUDIT = "[audit]\npath = audit.jsonl\n";
beforeEach(() => here.root.configure(here.server.port, AUDIT));

function ledger(name = "audit.jsonl"): Line[] {
  return here.root.has(name) ? lines(readFileSync(here.root.at(name), "utf8")).map((line) => JSON.parse(line)) : [];
}

async function fill(): Promise<void> {
  const all = [record("alice", "t1"), record("bob", "t2"), record("bob", "young", { updated_at: ago(60) })];
  here.root.writeStore(all);
  here.root.writeArtifacts(all);
  await here.mirrored(...all, record("alice", "gone", { updated_at: ago(60) }));
}

describe("the audit ledger", () => {
  it("records who ran a cleanup, how, what was purged, and how it ended", async () => {
    await fill();
    const run = await here.run("cleanup --once -o json", { env: { SUDO_USER: "carol" } });
    expect(run).toMatchObject({ code: 0 });
    const [begin, tasks, end, ...more] = ledger();
    expect(more).toEqual([]);
    expect(begin).toMatchObject({
      ...{ event: "begin", user: userInfo().username, uid: process.getuid!(), sudoUser: "carol", host: hostname() },
      ...{ argv: ["cleanup", "--once", "-o", "json"], cwd: here.root.path, config: here.root.at("config.ini") },
      ...{ store: here.root.store, version: expect.stringMatching(/^\d+\.\d+\.\d+/), pid: expect.any(Number) },
    });
    expect(begin!.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(tasks).toMatchObject({ event: "tasks", run: begin!.run, action: "purge", reason: "expired" });
    expect(namesOf(tasks!.tasks as never).sort()).toEqual(["alice:t1", "bob:t2"]);
    const counts = Object.entries(JSON.parse(run.stdout)).filter(([, value]) => typeof value === "number");
    expect(end).toMatchObject({ event: "end", run: begin!.run, exitCode: 0, error: null, announced: 2, stayed: 0 });
    expect(end!.result).toMatchObject(Object.fromEntries(counts));
    expect(statSync(here.root.at("audit.jsonl")).mode & 0o027).toBe(0);
  });

  it("has delete and sync --prune too, one run after the other, and no password", async () => {
    await fill();
    const url = `redis://default:s3cret@127.0.0.1:${here.server.port}/0`;
    await here.server.call("CONFIG", "SET", "requirepass", "s3cret");
    try {
      expect((await here.run("cleanup --explain alice t1")).stderr).toMatch(/password.*: a pass refuses/);
      expect(await here.run(`delete --user bob --yes --redis-url ${url}`)).toMatchObject({ code: 0 });
      expect(await here.run(`sync --prune --yes --redis-url=${url}`)).toMatchObject({ code: 0 });
    } finally {
      await here.server.call("CONFIG", "SET", "requirepass", "");
    }
    const text = readFileSync(here.root.at("audit.jsonl"), "utf8");
    expect(text).not.toContain("s3cret");
    expect(ledger().map(({ event }) => event)).toEqual(["begin", "tasks", "end", "begin", "tasks", "end"]);
    expect(ledger()[1]).toMatchObject({ action: "purge", reason: "deleted" });
    expect(ledger()[4]).toMatchObject({
      ...{ action: "prune", reason: "orphan", tasks: [{ user_id: "alice", task_id: "gone" }] },
    });
    expect(new Set(ledger().map(({ run }) => run)).size).toBe(2);
  });

  it("has no entry for commands that change nothing", async () => {
    await fill();
    for (const line of ["cleanup --once --dry-run", "delete --all --dry-run", "sync --prune --dry-run", "sync"]) {
      expect(await here.run(line)).toMatchObject({ code: 0 });
    }
    expect(here.root.has("audit.jsonl")).toBe(false);
  });

  it("is refused as a backup file", async () => {
    await fill();
    expect(await here.json("cleanup --once --backup audit.jsonl")).toMatchObject({ code: "USAGE", exit: 2 });
    expect(here.root.readStore()).toHaveLength(3);
    expect(ledger().map(({ event }) => event)).toEqual(["begin", "end"]);
  });
});

it.each<[string, () => void]>([
  ["is a folder", () => mkdirSync(here.root.at("audit.jsonl"))],
  ["is a link", () => symlinkSync(here.root.at("voice_task.json"), here.root.at("audit.jsonl"))],
  ["is in no folder", () => here.root.configure(here.server.port, "[audit]\npath = no/such/audit.jsonl\n")],
  ["is the store file", () => here.root.configure(here.server.port, "[audit]\npath = voice_task.json\n")],
  ["is config.ini", () => here.root.configure(here.server.port, "[audit]\npath = config.ini\n")],
])("a ledger that %s stops what removes things before anything is removed", async (_, arrange) => {
  await fill();
  arrange();
  const before = await here.state();
  for (const line of ["cleanup --once", "delete --all --yes", "sync --prune --yes"]) {
    const { code, exit } = await here.json(line);
    expect(["AUDIT_FAILED 1", "CONFIG_INVALID 2"]).toContain(`${code} ${exit}`);
  }
  expect(await here.state()).toEqual(before);
  expect(await here.run("list")).toMatchObject({ code: 0 });
  expect(await here.run("cleanup --once --dry-run")).toMatchObject({ code: 0 });
});
