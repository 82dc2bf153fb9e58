import { setTimeout as sleep } from "node:timers/promises";
import stringWidth from "string-width";
import { afterEach, describe, expect, it } from "vitest";
import { redisProxy, type Verdict } from "../helpers/faults.ts";
import { first } from "../helpers/long.ts";
import { ago, record } from "../helpers/records.ts";
import { Shell, type ShellOptions } from "../helpers/tmux.ts";
import { usePlace } from "./setup.ts";

const DAY = 86_400;
const here = usePlace();
const shells: Shell[] = [];
afterEach(() => {
  for (const shell of shells.splice(0)) shell.close();
});

async function open(options: Partial<ShellOptions> = {}): Promise<Shell> {
  const shell = await Shell.open({ cwd: here.root.path, ...options });
  shells.push(shell);
  return shell;
}

/** A Redis that is slow at first, for commands to show their progress. */
async function slowRedis(seconds: number, ms = 200) {
  let began: number | undefined;
  return redisProxy(here.server.port, async (): Promise<Verdict> => {
    began ??= performance.now();
    if (performance.now() - began < seconds * 1000) await sleep(ms);
    return "pass";
  });
}

const BAR = /\[#*-*\] \d+%/;
const COUNT = 3000;

function fill(): void {
  const tasks = Array.from({ length: COUNT }, (_, i) => record("alice", `t${i}`));
  here.root.writeStore(tasks);
  here.root.write("backup.jsonl", tasks.map((task) => `${JSON.stringify(task)}\n`).join(""));
}

describe("a command that takes longer than a second", () => {
  const commands = [
    ["sync", /^3000 tasks from the file/],
    ["cleanup --once --dry-run", /^3000 of 3000 candidates would be purged/],
    ["mark --all --to error --yes", /^3000 of 3000 chosen/],
    ["verify", /^3000 tasks compared/],
    ["verify --details", /^3000 tasks compared/],
    ["stats --no-disk", /^3000 tasks of /],
    ["export --to all.jsonl", /^3000 tasks exported/],
    ["import backup.jsonl --yes", /^3000 records/],
    ["delete --all --yes --dry-run", /^3000 of 3000 chosen/],
  ] as const;

  it.each(first(2, commands))("%s ends with its result, and the prompt below it", async (line, result) => {
    fill();
    if (line !== "sync") await here.run("sync");
    const slow = await slowRedis(1.2, 400);
    const shell = await open({ env: { REDIS_URL: slow.url } });
    const shown = await shell.run(`ttsctl ${line}`);
    expect(BAR.test(shell.written)).toBe(true);
    expect(shown.filter((text) => result.test(text))).toHaveLength(1);
    expect(shown.filter((text) => BAR.test(text))).toEqual([]);
    expect(shell.cursor).toMatchObject({ column: 2, isShown: true });
    await slow.stop();
  });

  const interrupted = [
    ["sync", 45], // the line of progress fills the row, so the terminal's ^C would wrap to the next one
    ["sync", 100],
    ["verify", 100],
    ["stats --no-disk", 100],
  ] as const;

  it.each(first(1, interrupted))("%s leaves nothing behind on Ctrl-C, with %d columns", async (line, columns) => {
    fill();
    if (line !== "sync") await here.run("sync");
    const slow = await slowRedis(60);
    const shell = await open({ columns, env: { REDIS_URL: slow.url } });
    await shell.begin(`ttsctl ${line}`);
    await shell.shows(BAR);
    shell.keys("C-c");
    expect((await shell.ended()).filter((text) => BAR.test(text))).toEqual([]);
    expect(shell.cursor).toMatchObject({ column: 2, isShown: true });
    expect(await shell.run("echo code $?")).toContain("code 130");
    await slow.stop();
  });

  it("ends with its result after a key, a new size and a stop too", async () => {
    fill();
    const slow = await slowRedis(2);
    const shell = await open({ env: { REDIS_URL: slow.url } });
    await shell.begin("ttsctl sync");
    await shell.shows(BAR);
    shell.keys("Enter");
    shell.resize(60, 12);
    shell.keys("C-z");
    await shell.shows(/Stopped/);
    expect(shell.cursor).toMatchObject({ column: 2, isShown: true });
    await shell.begin("fg");
    await shell.shows(/^3000 tasks from the file/m);
    const shown = await shell.ended();
    expect(shown.at(-1)).toMatch(/0 failed$/);
    expect(shell.cursor).toMatchObject({ column: 2, isShown: true });
    await slow.stop();
  });
});

describe("a question", () => {
  it.each([
    ["y", /1 of 1 chosen task deleted/],
    ["n", /^error: declined/],
    ["C-c", /^error: interrupted/],
  ])("is below the plan, and after %s the prompt is on a new line", async (key, result) => {
    here.root.writeStore([record("алиса", "任务👩‍🚀")]);
    await here.run("sync");
    const shell = await open();
    await shell.begin("ttsctl delete --all");
    await shell.shows(/Delete 1 task with audio and logs\? \[y\/N\]$/);
    const { row, column } = shell.cursor;
    expect(shell.lines[row]).toHaveLength(column - 1); // with the space behind the question
    shell.keys(key, ...(key === "C-c" ? [] : ["Enter"]));
    const shown = await shell.ended();
    expect(shown.filter((text) => result.test(text))).toHaveLength(1);
    expect(shell.cursor).toMatchObject({ column: 2, isShown: true });
  });
});

describe("a pager", () => {
  it.each([
    ["list --page-size 100", "100 of 3000 tasks, page 1 of 30, from file"],
    ["list --limit 2000", "2000 of 3000 tasks, from file"],
  ])("has the terminal to itself, and the footer comes after it: %s", async (line, footer) => {
    fill();
    here.root.write("pager", "#!/bin/sh\nhead -2; cat >all; echo reading; read -r key </dev/tty\n");
    const shell = await open({ rows: 20, env: { TTSCTL_PAGER: "sh ./pager", REDIS_PORT: "1" } });
    await shell.begin(`ttsctl ${line}`);
    await shell.shows(/^reading$/m);
    expect(shell.lines).not.toContain(footer);
    shell.keys("Enter");
    const shown = await shell.ended();
    expect(shown.slice(2, 5)).toEqual([expect.stringMatching(/^USER/), expect.stringMatching(/^alice/), "reading"]);
    expect(shown.at(-1)).toBe(footer);
    expect(shown.filter((text) => /^warning: .*Redis/.test(text))).toEqual([shown[0]]);
  });
});

describe("stats --watch", () => {
  it.each([
    [80, 24],
    [120, 50],
  ])("shows counts, users and what a cleanup would free on %d columns and %d rows", async (columns, rows) => {
    here.root.configure(null);
    const tasks = Array.from({ length: 40 }, (_, i) => record(`user${i % 20}`, `t${i}`, { updated_at: ago(i * 3000) }));
    here.root.writeStore(tasks);
    const shell = await open({ columns, rows });
    await shell.begin("ttsctl stats --watch");
    await shell.shows(/^cleanup /m);
    expect(shell.lines.length).toBeLessThanOrEqual(rows);
    const text = shell.lines.join("\n");
    for (const part of [/^40 tasks of 20 users/m, /^error +0/m, /^user0 +2/m, /^and \d+ more users$/m, /^disk /m]) {
      expect(text).toMatch(part);
    }
    expect(text).not.toMatch(/more lines/);
    expect(/last change by hour/.test(text)).toBe(rows > 24);
    shell.keys("C-c");
    await shell.ended();
    expect(shell.cursor).toMatchObject({ column: 2, isShown: true });
  });
});

/** Texts that take one column a letter, two, or several letters a sign. */
const TASKS = [
  record("alice", "t01", { created_at: ago(11 * DAY), updated_at: ago(10.5 * DAY) }),
  record("алиса", "озвучка-главы-1", {
    ...{ status: "failed", error: "ошибка: не хватает видеопамяти, нужно 6 ГБ", updated_at: ago(20.5 * DAY) },
    text: "Глава первая, в которой ничего не происходит",
  }),
  record("用户", "合成任务一", { text: "今天天气很好，我们去公园散步吧。", updated_at: ago(3.5 * DAY) }),
  record("用户", "合成任务二", {
    status: "failed",
    error: "合成失败：显存不足，请减少批量大小",
    updated_at: ago(4.5 * DAY),
  }),
  record("emoji👩\u200d🚀", "🎙️-1", { status: "running", text: "👍🏽 ok 🇨🇳 ❤️", updated_at: ago(40.5 * DAY) }),
  record("می\u200cخواهم", "سلام", { status: "queued", text: "سلام دنیا", updated_at: ago(50.5 * DAY) }),
];

const LINES = [
  "list --time relative",
  "list --time relative --columns user,task,status,text,error",
  "list -u 用户 -o csv --columns user,task,status,error,text",
  `query '{"status": ["error"]}' --columns user,task,error`,
  "get алиса озвучка-главы-1",
  "stats --no-disk",
  "verify --details",
  "sync --dry-run",
  "cleanup --once --dry-run --retention 7d | grep -v pass",
  "delete -u алиса -u 用户 --dry-run",
  "mark --status run --to error --dry-run",
  "import export.jsonl --dry-run",
  "export --to all.jsonl",
  "list --status wat",
];

it.each([80, 120])("what commands print fits %d columns", async (columns) => {
  here.root.writeStore(TASKS);
  here.root.write("export.jsonl", TASKS.map((task) => `${JSON.stringify(task)}\n`).join(""));
  await here.run("sync");
  here.root.writeStore(TASKS.slice(1));
  const shell = await open({ columns, rows: 100, env: { NO_COLOR: "1" } });
  const shown: string[] = [];
  for (const line of LINES) shown.push(`$ ttsctl ${line}`, ...(await shell.run(`ttsctl ${line}`)));
  for (const text of shown) if (!text.startsWith("$")) expect(stringWidth(text)).toBeLessThanOrEqual(columns);
  expect(shown.join("\n").replace(/\d{4}-\d\d-\d\dT[\d:.]+/g, "(time)")).toMatchSnapshot();
});
