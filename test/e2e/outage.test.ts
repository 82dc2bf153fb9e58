import { describe, expect, it, onTestFinished } from "vitest";
import { parrotServer, silentServer } from "../helpers/faults.ts";
import { ago, record } from "../helpers/records.ts";
import { lines, type Run } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();

const TIMEOUT_MS = 300;
const YOUNG = () => record("alice", "t2", { updated_at: ago(60) });

function fill(): void {
  here.root.configure(here.server.port, `[cleanup]\nretention = 7d\n`);
  here.root.writeStore([record("alice", "t1"), YOUNG()]);
}

/** It answered from the file, with one warning, in time. */
function expectFallback(run: Run): void {
  expect(run.code).toBe(0);
  const warnings = lines(run.stderr).filter((line) => line.startsWith("warning: "));
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/ttsctl sync|protocol.*name a Redis server/);
  expect(run.ms).toBeLessThan(TIMEOUT_MS + 1000 + 1500); // the process starts and ends besides
}

const DOWN = [
  { what: "refuses", url: async () => "redis://127.0.0.1:1/0" },
  { what: "is silent", url: async () => started(await silentServer()) },
  { what: "is loading", url: async () => started(await parrotServer("-LOADING Redis is loading")) },
  { what: "is another program", url: async () => started(await parrotServer("HTTP/1.1 400 Bad Request\r\n")) },
];

function started(server: { url: string; stop(): Promise<void> }): string {
  onTestFinished(() => server.stop());
  return server.url;
}

describe.each(DOWN)("with a Redis that $what", ({ url }) => {
  it("list, query and get answer from the file with one warning", async () => {
    fill();
    const env = { REDIS_URL: await url(), REDIS_TIMEOUT: `${TIMEOUT_MS}ms` };
    for (const [args, printed] of [
      [["list"], { total: 2 }],
      [["query", '{"user_id": "alice", "task_ids": ["t1"]}'], { total: 1 }],
      [["get", "alice", "t1"], { redis: null }],
    ] as const) {
      const run = await here.runArgs([...args, "-o", "json"], { env });
      expectFallback(run);
      expect(JSON.parse(run.stdout)).toMatchObject({ source: "file", ...printed });
    }
    expect(await here.run("list -q", { env })).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("an outage", () => {
  it("cleanup and delete work on the file and exit 3", async () => {
    fill();
    here.root.writeArtifacts([record("alice", "t1")]);
    const env = { REDIS_PORT: "1" };
    const { said, ...counts } = await here.json("cleanup --once", { env });
    expect(counts).toMatchObject({ purged: 1, files: 2, exit: 3 });
    expect(said.match(/^warning: .*/gm)).toEqual([
      expect.stringContaining("not checked: layout, time zone, clock, right store"),
    ]);
    const deletion = () => here.json("delete --user alice --ids t2 --yes", { env });
    expect(await deletion()).toMatchObject({ deleted: 1, exit: 3, said: expect.stringContaining("`ttsctl sync`") });
    expect(await deletion()).toMatchObject({ deleted: 0, exit: 3, said: expect.not.stringContaining("copies") });
    expect((await here.run("mark -i a:b --to done --yes", { env })).stderr).toContain("only the file was checked");
    expect(here.root.storeText()).toBe("[]");
  });

  it.each(["mark --all --to error --yes", "delete -i alice:t2 --yes", "verify --repair", "sync", "import in.jsonl"])(
    "deletions that Redis lacks are in no answer, and %s makes them first",
    async (line) => {
      fill();
      here.root.write("in.jsonl", JSON.stringify(YOUNG()));
      await here.mirrored(record("alice", "t1"), YOUNG());
      expect((await here.run("delete -u alice -i t1 --yes", { env: { REDIS_PORT: "1" } })).code).toBe(3);
      const owes = () => here.root.has(".voice_task.json.ttsctl-owed");
      const inRedis = () => here.server.call("ZRANGE", "tts:tasks:index", "0", "-1");
      const [dry, got, exported, doctor] = await Promise.all(
        ["mark --all --to error --dry-run", "get alice t1", "export", "doctor -q"].map((look) => here.run(look)),
      );
      expect([dry!.stderr, got!.code, exported!.code]).toEqual([expect.stringContaining("ttsctl sync"), 3, 3]);
      expect(lines(exported!.stdout).map((text) => JSON.parse(text).task_id)).toEqual(["t2"]);
      expect(doctor!.stdout).toMatch(/^warn {2}store\.leftover/m);
      const plan = await here.run("verify --repair --restore --dry-run");
      expect(plan.stdout).toMatch(/^onlyInRedis +1 .* deleted from Redis\n1 of 1 would/m);
      expect(await here.json("sync --prune --dry-run")).toMatchObject({ orphans: 0, pruned: 0 });
      expect([owes(), await inRedis()]).toEqual([true, ["alice:t1", "alice:t2"]]);
      const stderr = expect.stringContaining("1 deletion from the file");
      expect(await here.run(line)).toMatchObject({ code: 0, stderr });
      expect([owes(), await inRedis()]).toEqual([false, line.startsWith("delete") ? [] : ["alice:t2"]]);
      expect(here.root.readStore().map(({ task_id }) => task_id)).toEqual(line.startsWith("delete") ? [] : ["t2"]);
      for (const left of ["", '{"user_id":"al']) {
        here.root.write(".voice_task.json.ttsctl-owed", left); // by a killed run, or on a full disk
        await here.run(line);
        expect(owes()).toBe(false);
      }
    },
  );

  it("a list of such deletions that can't be read is named by verify, and stops a sync", async () => {
    fill();
    await here.mirrored(record("alice", "t1"), YOUNG());
    here.root.write(".voice_task.json.ttsctl-owed/x", "");
    expect(await here.run("verify")).toMatchObject({ code: 0, stderr: expect.stringContaining("not a regular file") });
    expect((await here.run("sync")).code).toBe(1);
  });

  it("leaves reads to Redis if the file was lost before Redis had a deletion", async () => {
    fill();
    await here.mirrored(record("alice", "t1"), YOUNG());
    expect((await here.run("delete -u alice -i t1 --yes", { env: { REDIS_PORT: "1" } })).code).toBe(3);
    here.root.rename("voice_task.json", "lost");
    expect(await here.json("list")).toMatchObject({ source: "redis", total: 2 });
    here.root.write("voice_task.json", "[{");
    for (const line of ["list", "get alice t2"])
      expect(await here.json(line)).toMatchObject({ source: "redis", exit: 0 });
    const both = { exit: 1, said: expect.stringMatching(/truncated.*Redis at .* refuses/) };
    expect(await here.json("list", { env: { REDIS_PORT: "1" } })).toMatchObject(both);
    here.root.drop("voice_task.json");
    const restore = "verify --repair --restore";
    expect((await here.run(`${restore} --dry-run`)).stdout).toMatch(
      /written to the file; 1 deleted from Redis.*\n2 of 2/,
    );
    expect((await here.run("verify --repair --dry-run")).stdout).toMatch(/ kept\n0 of 2/);
    expect((await here.run(restore)).stdout).toMatch(/\n2 of 2 repaired/);
    expect(here.root.readStore().map(({ task_id }) => task_id)).toEqual(["t2"]);
    expect(await here.json("list --source redis")).toMatchObject({ total: 1 });
  });
});

describe("[redis] enabled = false", () => {
  it.each([
    { flags: "", env: {}, config: true },
    { flags: " --no-redis", env: {}, config: false },
    { flags: "", env: { REDIS_ENABLED: "no" }, config: false },
  ])("has the file answer without a warning: %j", async ({ flags, env, config }) => {
    fill();
    if (config) here.root.configure(null);
    const connections = async () =>
      /total_connections_received:\d+/.exec(String(await here.server.call("INFO", "stats")))![0];
    const before = await connections();
    const page = { source: "file", total: 2, exit: 0, said: "" };
    expect(await here.json(`list${flags}`, { env })).toMatchObject(page);
    expect(await here.run(`get alice t1${flags}`, { env })).toMatchObject({ code: 0, stderr: "" });
    expect(await here.run(`cleanup --once${flags}`, { env })).toMatchObject({ code: 0, stderr: "" });
    expect(await connections()).toBe(before);
  });
});
