import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { redisProxy, type Verdict } from "../helpers/faults.ts";
import { first } from "../helpers/long.ts";
import { record } from "../helpers/records.ts";
import { Shell, type ShellOptions } from "../helpers/tmux.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const open = (options: Partial<ShellOptions> = {}) => Shell.open({ cwd: here.root.path, ...options });

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
    await using slow = await slowRedis(1.2, 400);
    const shell = await open({ env: { REDIS_URL: slow.url } });
    const shown = await shell.run(`ttsctl ${line}`);
    expect(BAR.test(shell.written)).toBe(true);
    expect(shown.filter((text) => result.test(text))).toHaveLength(1);
    expect(shown.filter((text) => BAR.test(text))).toEqual([]);
    expect(shell.cursor).toMatchObject({ column: 2, isShown: true });
  });
});
