import { describe, expect, it } from "vitest";
import { FastClock } from "../helpers/clock.ts";
import { hasPty, OnTerminal, onTerminal, type TerminalRun } from "../helpers/pty.ts";
import { record } from "../helpers/records.ts";
import { start } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { screenOf, type VirtualTerminal } from "../helpers/vt.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const GIVEN_BACK = "\u001b[?7h\u001b[?25h\u001b[?1049l";
const fill = (count: number) =>
  here.root.writeStore(Array.from({ length: count }, (_, i) => record("用户", `任务${String(i).padStart(2, "0")}`)));

describe("list --watch on a terminal", () => {
  const SIZE: [number, number] = [50, 9];
  const watching = (line = "list --watch --interval 1 --no-color") =>
    onTerminal(line.split(" "), here.root.path, {}, SIZE, new FastClock());
  const shown = (run: TerminalRun) => screenOf(run, SIZE);

  async function ends(run: TerminalRun, how: () => void): Promise<VirtualTerminal> {
    how();
    expect(await run.end()).toBe(0);
    const terminal = shown(run);
    expect(terminal).toMatchObject({ isSecondScreen: false, cursorShown: true, wraps: true, scrolled: 0 });
    return terminal;
  }

  it("draws the rows that fit in place, follows the store, and clears leftover rows", async () => {
    here.root.configure(null);
    fill(20);
    const run = watching();
    await run.says(/20 of 20 tasks/);
    const full = shown(run);
    expect(full).toMatchObject({ isSecondScreen: true, cursorShown: false });
    expect(full.lines[1]).toMatch(/^USER +TASK +STATUS/);
    expect(full.lines.slice(-2)).toEqual(["… 15 more lines", "20 of 20 tasks, page 1 of 1, from file"]);
    fill(1);
    await until(() => shown(run).lines[3] === "1 of 1 task, page 1 of 1, from file");
    expect(shown(run).lines.slice(4).join("")).toBe("");
    const last = await ends(run, () => run.type("\u0003"));
    expect(last.lines.join("\n")).toContain("用户  任务00  done"); // the last picture stays
  });

  it("is laid out again for another size, before the next refresh", async () => {
    here.root.configure(null);
    fill(3);
    const line = "list --watch --interval 3000 --no-color";
    const run = onTerminal(line.split(" "), here.root.path, {}, [24, 9], new FastClock());
    await run.says(/3 of 3 tasks/);
    run.resize(...SIZE);
    await run.says(/USER +TASK +STATUS +UPDATED +ERROR/);
    await ends(run, () => run.type("\u0003"));
  });

  it.runIf(hasPty)(
    "redraws after Ctrl-Z without a shell that could continue it, and isn't drawn when it fails",
    async () => {
      here.root.configure(null);
      fill(1);
      const run = new OnTerminal(["list", "--watch", "--interval", "1", "--no-color"], here.root.path, {}, SIZE);
      await run.says(/1 of 1 task/);
      run.type("\u001a");
      await until(() => run.text.split(GIVEN_BACK).length === 2 && shown(run).isSecondScreen);
      await until(() => shown(run).lines[3]!.startsWith("1 of 1 task"));
      await ends(run, () => run.type("\u0003"));
      const wrong = watching("list --watch --interval 1 --status finito");
      expect(await wrong.end()).toBe(2);
      expect(wrong.text).not.toContain("\u001b[?1049h");
    },
  );
});

describe("list --watch in a pipe", () => {
  const watching = (line: string, env = {}) =>
    start(line.split(" "), { cwd: here.root.path, env, clock: new FastClock() });

  it.each([
    ["table", /(USER.*\n用户.*\n)\n\1/],
    ["csv", /(user_id.*\n用户.*\n)\n\1/],
    ["yaml", /^(total: 1\n(?:.*\n)*dangling: 0\n)---\n\1/],
    ["json", /^(\{"total":1,.*"dangling":0\}\n)\1/],
    ["jsonl", /^(\{"total":1,.*"dangling":0\}\n)\1/],
  ])("prints a block after the other as %s, and exits 0", async (format, pattern) => {
    here.root.configure(null);
    fill(1);
    const run = watching(`list --watch --interval 1 -o ${format}`);
    await run.says(pattern);
    run.kill("SIGINT");
    expect(await run.end()).toMatchObject({ code: 0, stderr: expect.not.stringContaining("error") });
  });

  it("prints a warning once, and again if it comes back", async () => {
    here.root.configure(null);
    const run = watching("list --watch --interval 1 -o json");
    await run.says(/("total":0.*){3}/s);
    fill(1);
    await run.says(/"total":1/);
    here.root.drop("voice_task.json");
    await run.says(/"total":1.*("total":0.*){3}/s);
    run.kill("SIGINT");
    expect((await run.end()).stderr.match(/does not exist/g)).toHaveLength(2);
  });
});
