import { describe, expect, it } from "vitest";
import { redisProxy } from "../helpers/faults.ts";
import { hasPty, OnTerminal } from "../helpers/pty.ts";
import { ago, record } from "../helpers/records.ts";
import { lines, Running } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const DAY = 86_400;
const running = (user: string, task: string, age: number) =>
  record(user, task, { status: "running", updated_at: ago(age) });

async function fill(): Promise<void> {
  here.root.writeStore([running("alice", "young", 60), running("bob", "stuck", 3 * DAY), record("bob", "old")]);
  await here.run("sync");
}

describe("mark", () => {
  it("ends stuck tasks, which a cleanup then treats as finished", async () => {
    await fill();
    expect((await here.run("cleanup --once --dry-run")).stderr).toMatch(/1 task is stuck: bob:stuck .*ttsctl mark/);
    const line = [
      "mark",
      "--where-status",
      "wait,run",
      "--until",
      "1d",
      "--status",
      "error",
      "--error",
      "工作进程死了",
    ];
    const run = await here.runArgs([...line, "--yes"]);
    expect(run).toMatchObject({ code: 0, stderr: "" });
    expect(lines(run.stdout)).toEqual([
      "[MARK] user=bob task=stuck from=run to=error local=yes redis=yes",
      "1 of 1 chosen tasks marked as error",
    ]);
    expect(here.root.readStore()[1]).toMatchObject({ status: "error", error: "工作进程死了" });
    expect(JSON.parse((await here.run("cleanup --once --dry-run -o json")).stdout)).not.toHaveProperty("stuck");
    expect((await here.run("sync")).stdout).toContain("0 written, 3 unchanged");
  });

  it("prints the documented object, and its lines on stderr, with -o json", async () => {
    await fill();
    const args = "mark --user bob --ids stuck,none --status failed --yes -o json";
    const dry = JSON.parse((await here.run(`${args} --dry-run`)).stdout);
    const run = await here.run(args);
    expect(run.code).toBe(3);
    const result = JSON.parse(run.stdout);
    const counts = { requested: 2, marked: 1, unchanged: 0, missing: ["none"], refused: [], failed: 0, returned: 0 };
    expect(result).toEqual({ ...counts, dryRun: false });
    expect(dry).toEqual({ ...counts, dryRun: true });
    expect(lines(run.stderr)).toEqual(["[MARK] user=bob task=stuck from=run to=error local=yes redis=yes"]);
    expect(here.root.readStore()[1]!.status).toBe("failed");
  });

  it.each([
    ["mark --status error", "USAGE"],
    ["mark --user bob", "USAGE"],
    ["mark --user bob --all --status error", "USAGE"],
    ["mark --user bob --status gone --yes", "USAGE"],
    ["mark --ids stuck --status error --yes", "USAGE"],
    ["mark --user bob --where-status gone --status error --yes", "USAGE"],
    ["mark --all --status error", "CONFIRMATION_REQUIRED"],
    ["mark --all --status error --yes --max-mark 2x", "USAGE"],
  ])("%s: %s", async (line, code) => {
    await fill();
    const before = [here.root.tree(), await here.server.dump()];
    const run = await here.run(`${line} -o json`);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(JSON.parse(run.stderr).code).toBe(code);
    expect([here.root.tree(), await here.server.dump()]).toEqual(before);
  });

  it("needs a configuration and the run lock, and obeys its brake", async () => {
    await fill();
    const over = await here.run("mark --all --status error --yes --max-mark 2 -o json");
    expect(over.code).toBe(1);
    expect(JSON.parse(over.stderr)).toMatchObject({
      code: "MAX_DELETE_EXCEEDED",
      hint: expect.stringContaining("--max-mark"),
    });
    here.root.rename("config.ini", "other.ini");
    const run = await here.run("mark --all --status error --yes -o json");
    expect(run.code).toBe(2);
    expect(JSON.parse(run.stderr).code).toBe("CONFIG_REQUIRED");
  });

  it("survives hostile ids, errors and words", async () => {
    const hostile = ["../../etc", "a b", "\u001b[31mred", "名\u202e字", '"quoted"', "__proto__"];
    here.root.writeStore(hostile.map((id) => running(id, id, DAY)));
    await here.run("sync");
    const error = 'a "quoted" \u001b[2J error\nwith lines';
    const run = await here.runArgs(["mark", "--all", "--status", " Failed ", "--error", error, "--yes"]);
    expect(run.code).toBe(0);
    for (const unsafe of ["\u001b", "\u202e"]) expect(run.stdout + run.stderr).not.toContain(unsafe);
    expect(lines(run.stdout)).toHaveLength(hostile.length + 1);
    for (const task of here.root.readStore()) expect(task).toMatchObject({ status: "failed", error });
    expect((await here.server.hash("tts:task:a b:a b")).error).toBe(error);
  });

  it("works on the file and exits 3 without Redis", async () => {
    await fill();
    const run = await here.run("mark --all --status error --yes -o json", { env: { REDIS_PORT: "1" } });
    expect(run.code).toBe(3);
    expect(JSON.parse(run.stdout)).toMatchObject({ marked: 3, failed: 0 });
    expect(run.stderr).toMatch(/warning: Redis at .*ttsctl sync/);
    expect((await here.run("mark --all --status done --yes --no-redis")).code).toBe(0);
  });

  it("killed between file and Redis leaves both whole, and sync brings the marks over", async () => {
    await fill();
    let scripts = 0;
    const proxy = await redisProxy(here.server.port, (sent) => (/eval/i.test(sent) && ++scripts > 2 ? "deaf" : "pass"));
    try {
      const args = ["mark", "--all", "--status", "error", "--yes"];
      const env = { REDIS_URL: proxy.url, REDIS_TIMEOUT: "60s" };
      const first = new Running(args, { cwd: here.root.path, env });
      await until(() => scripts > 2);
      first.kill("SIGKILL");
      await first.end();
    } finally {
      await proxy.stop();
    }
    expect(here.root.readStore().map(({ status }) => status)).toEqual(["error", "error", "error"]);
    expect((await here.run("sync")).code).toBe(0);
    for (const name of ["alice:young", "bob:stuck", "bob:old"]) {
      expect((await here.server.hash(`tts:task:${name}`)).status).toBe("error");
    }
    expect(JSON.parse((await here.run("mark --all --status error --yes -o json")).stdout)).toMatchObject({
      ...{ requested: 3, marked: 0, unchanged: 3 },
    });
  });

  it.runIf(hasPty)("asks on a terminal with the first tasks and the counts by status", async () => {
    await fill();
    const run = new OnTerminal("mark --all --status error".split(" "), here.root.path);
    await run.says(/alice:young \(run\)[\s\S]*in all 3: 2 run, 1 done[\s\S]*Mark 3 tasks as error\? \[y\/N\]/);
    run.type("n\r");
    expect(await run.end()).toBe(1);
    expect(run.text).toContain("declined: nothing was marked");
    expect(here.root.readStore()[0]!.status).toBe("running");
  });
});
