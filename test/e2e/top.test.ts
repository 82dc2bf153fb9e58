import { readFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { FastClock } from "../helpers/clock.ts";
import { onTerminal, type TerminalRun } from "../helpers/pty.ts";
import { ago, record } from "../helpers/records.ts";
import { RedisServer } from "../helpers/redis.ts";
import type { RecordJson } from "../helpers/root.ts";
import { Shell } from "../helpers/tmux.ts";
import { lines } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { screenOf } from "../helpers/vt.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const SIZE: [number, number] = [80, 24];
const GIVEN_BACK = "\u001b[?7h\u001b[?25h\u001b[?1049l";
const [ESC, CTRL_C, CTRL_U, ENTER] = ["\u001b", "\u0003", "\u0015", "\r"];

const TASKS: RecordJson[] = [
  record("alice", "new", { created_at: ago(9), updated_at: ago(5) }),
  record("alice", "busy", { status: "running", updated_at: ago(20) }),
  record("用户", "任务", { status: "failed", error: "显存不足", updated_at: ago(30) }),
  record("bob", "late", { status: "queued", updated_at: ago(7200) }),
  record("bob", "lost", { status: "running", updated_at: ago(3 * 86_400) }),
];

async function fill(tasks = TASKS): Promise<void> {
  await here.synced(...tasks);
  here.root.writeArtifacts(tasks.slice(0, 1) as never);
}

function top(line = "top --interval 1", env = {}): TerminalRun {
  const run = onTerminal(line.split(" "), here.root.path, env, SIZE, new FastClock());
  onTestFinished(() => run.type(CTRL_C)); // where it failed
  return run;
}

const shown = (run: TerminalRun) => screenOf(run, SIZE);
const screen = (run: TerminalRun) => shown(run).lines.join("\n");

/** Waits for a text on the screen. */
async function says(run: TerminalRun, pattern: RegExp): Promise<string> {
  await until(() => pattern.test(screen(run))).catch((cause) => {
    throw new Error(`not shown: ${pattern}; the screen is\n${screen(run)}`, { cause });
  });
  return screen(run);
}

/** Presses keys, one write for each: as a person does. */
async function press(run: TerminalRun, ...keys: string[]): Promise<void> {
  for (const key of keys) {
    run.type(key);
    await new Promise((resolve) => setTimeout(resolve, key === ESC ? 100 : 5));
  }
}

/** Ends it, and makes sure that the terminal is as it was. */
async function ends(run: TerminalRun, how: () => void): Promise<void> {
  how();
  expect(await run.end()).toBe(0);
  expect(shown(run)).toMatchObject({ isSecondScreen: false, cursorShown: true, wraps: true, scrolled: 0 });
  expect(run.text.endsWith(GIVEN_BACK)).toBe(true);
}

describe("top", () => {
  it("shows counts, rates, failures and the newest tasks, and follows the stores", async () => {
    await fill();
    const run = top();
    const first = await says(run, /oldest waiting +bob:late \(2h\) +stuck: 1, bob:lost \(3d\)/);
    expect(first).toMatch(/^ttsctl top {2}5 tasks, from redis +\d\d:\d\d:\d\d, every 1s$/m);
    expect(first).toMatch(/^all tasks +wait 1 {2}run 2 {2}done 1 {2}error 1 {2}at \d\d:\d\d:\d\d$/m);
    expect(first).toMatch(/^last minute +1 created, 1 done, 1 error +hour: 1 done, 1 error$/m);
    expect(first).toMatch(/^newest failures +用户:任务 +\d+s ago +显存不足$/m);
    expect(first).toMatch(/^> alice {2}new {3}done +\d+s ago$/m);
    expect(first.split("\n").at(-1)).toMatch(/\? help {2}q quit$/);
    await here.mirrored(record("bob", "late", { status: "running", updated_at: ago(1) }));
    await says(run, /^ {2}bob +late +run /m);
    await says(run, /oldest waiting +none/);
    expect(screen(run)).toMatch(/^> alice +new /m); // the chosen task stays chosen
    await ends(run, () => run.type("q"));
  });

  it("moves, opens a task with its record and log, and has help", async () => {
    await fill();
    const run = top();
    await says(run, /^> alice +new/m);
    await press(run, "j", "\u001b[B", "k");
    await says(run, /^> alice +busy/m);
    await press(run, "g", ENTER);
    const task = await says(run, /alice:new is done, in both stores/);
    expect(task).toMatch(/^text +你好，世界$/m);
    expect(task).toContain("output/alice/new/new.wav");
    expect(task).toMatch(/==> Logs\/20200101\/08\/new.log <==\ny{10}/);
    await press(run, ESC);
    await says(run, /^> alice +new/m);
    await press(run, "?");
    await says(run, /^d +delete the task/m);
    await press(run, "x");
    await says(run, /^> alice +new/m);
    await press(run, "j");
    await here.run("delete --ids alice:busy --force --yes");
    await says(run, /^> 用户 +任务/m); // what takes the place of a chosen task is chosen
    await ends(run, () => run.type(CTRL_C));
  });

  it("deletes after a question, marks, and has both in the audit ledger", async () => {
    here.root.configure(here.server.port, "[audit]\npath = audit.jsonl\n");
    await fill();
    const run = top();
    await says(run, /^> alice +new/m);
    await press(run, "\u001b[200~dy\u001b[201~"); // pasted text is no command
    await press(run, "/", "\u001b[200~alice\r\u001b[201~");
    await says(run, /alice_/);
    await press(run, ESC);
    await press(run, "d");
    await says(run, /^delete alice:new \(done\) with audio and logs\? y\/N$/m);
    await press(run, "n");
    await says(run, /alice:new is kept/);
    expect(here.root.readStore()).toHaveLength(5);
    expect(here.root.has("audit.jsonl")).toBe(false);
    await press(run, "d", "y");
    await says(run, /1 of 1 chosen task deleted: 2 files, 110 bytes/);
    expect(here.root.readStore()).toHaveLength(4);
    expect(here.root.has("output/alice/new")).toBe(false);
    expect(await here.server.call("EXISTS", "tts:task:alice:new")).toBe(0);
    await says(run, /^> alice +busy/m);
    await press(run, "m");
    await says(run, /^mark alice:busy \(run\) as \(queued\): _/m);
    await press(run, ENTER);
    await says(run, /1 of 1 chosen task marked as wait/);
    expect(here.root.readStore()[0]).toMatchObject({ task_id: "busy", status: "queued" });
    expect(await here.server.call("HGET", "tts:task:alice:busy", "status")).toBe("queued");
    await press(run, "m", CTRL_U, ..."nonsense", ENTER);
    await says(run, /unknown status "nonsense"/);
    const ledger = lines(readFileSync(here.root.at("audit.jsonl"), "utf8")).map((line) => JSON.parse(line));
    expect(ledger.map(({ event, action }) => action ?? event).join()).toBe("begin,purge,end,begin,mark,end");
    await ends(run, () => run.type("q"));
  });

  it("keeps a task that isn't finished, or that changed after the question, and changes nothing with --read-only", async () => {
    await fill();
    const run = top();
    await says(run, /^> alice +new/m);
    await press(run, "j", "d");
    await says(run, /alice:busy is kept: its status is run/);
    await press(run, "g", "d");
    await says(run, /^delete alice:new/m);
    await fill([record("alice", "new", { status: "queued", updated_at: ago(1) }), ...TASKS.slice(1)]);
    await press(run, "y");
    await says(run, /alice:new isn't done any more: nothing was changed/);
    await ends(run, () => run.type("q"));
    const readOnly = top("top --read-only");
    await says(readOnly, /^> alice/m);
    expect(screen(readOnly)).not.toMatch(/d delete/);
    await press(readOnly, "d", "y", "m", ENTER, ESC);
    expect(here.root.readStore()).toHaveLength(5);
    await ends(readOnly, () => readOnly.type("q"));
  });

  it("goes on with the file when Redis is lost, and with Redis when it is back", async () => {
    here.root.writeStore(TASKS);
    const server = await RedisServer.start();
    const env = { REDIS_URL: server.url };
    await here.run("sync", { env });
    const run = top("top --interval 1", env);
    await says(run, /from redis/);
    await server.stop();
    expect(await says(run, /5 tasks, from file/)).toMatch(/Redis at [\s\S]*reading/);
    await press(run, "G", "m", CTRL_U, ..."error", ENTER); // in the file alone
    await says(run, /after|sync/);
    await until(() => here.root.readStore().some(({ task_id, status }) => task_id === "lost" && status === "error"));
    await server.start();
    await here.run("sync", { env });
    await says(run, /5 tasks, from redis/);
    expect(screen(run)).toMatch(/marked as error(?![\s\S]*(: reading |when Redis is back))/);
    await ends(run, () => run.kill("SIGTERM"));
    await server.remove();
  });

  it("isn't steered by what tasks hold", async () => {
    const hostile = "\u001b]0;owned\u0007\u001b[2J\u202e\u009b31m";
    const text = `${hostile}${"长".repeat(100_000)}`;
    await fill([
      record("alice", `a${hostile}`, { error: hostile, status: `odd${hostile}`, text }),
      record(`u${hostile}`, "b", { status: "failed", error: hostile.repeat(50), updated_at: ago(1) }),
    ]);
    const run = top("top --no-color");
    await says(run, /^> u\\u0/m); // the terminal of the tests throws at any other control character
    await press(run, ENTER);
    await says(run, /is error, in both stores/);
    await press(run, ESC, "j", ENTER);
    await says(run, /^text +\\u001b/m);
    await press(run, "d");
    await says(run, /^delete alice:a\\u001b/m);
    await press(run, "n", ESC);
    for (const steering of ["\u0007", "\u202e", "\u009b"]) expect(run.text).not.toContain(steering);
    await ends(run, () => run.type("q"));
  });
});

describe("top and list --watch in a shell", () => {
  it("leaves the shell a terminal that echoes, after q, Ctrl-Z and Ctrl-C", async () => {
    await fill();
    const shell = await Shell.open({ cwd: here.root.path, columns: 80, rows: 24 });
    const isSane = async () => {
      const modes = (await shell.run("stty -a")).join(" ");
      expect(modes).toMatch(/ icanon .* echo /);
      expect(shell.cursor.isShown).toBe(true);
    };
    for (const [line, suspends, last] of [
      ["ttsctl top", true, "q"],
      ["ttsctl top", false, "C-c"],
      ["ttsctl list --watch --interval 600", true, "C-c"],
    ] as const) {
      await shell.begin(line);
      await shell.shows(/^(> )?alice/m);
      if (suspends) {
        shell.keys("C-z");
        await shell.shows(/Stopped/);
        await isSane();
        await shell.begin("fg");
        await shell.shows(/^(> )?alice/m);
      }
      shell.keys(last);
      await shell.shows((lines) => lines.at(-1) === "$");
      await isSane();
    }
  });
});
