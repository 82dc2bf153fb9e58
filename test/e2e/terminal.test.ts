import { describe, expect, it } from "vitest";
import { hasPty, OnTerminal, onTerminal as started } from "../helpers/pty.ts";
import { ago, record } from "../helpers/records.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();

const RUNNING = record("alice", "run", { status: "running", updated_at: ago(9) });
const fill = () => here.synced(record("alice", "t1"), record("alice", "t2"), RUNNING);

describe("on a terminal", () => {
  const onTerminal = (line: string, env = {}) => started(line.split(" "), here.root.path, env);

  it.each(["y", "Y", "yes"])("delete asks with the counted total, and deletes after %j", async (answer) => {
    await fill();
    const run = onTerminal("delete --user alice");
    await run.says(/Delete 2 tasks with audio and logs\? \[y\/N\]/);
    expect(here.root.readStore()).toHaveLength(3);
    run.type(`${answer}\r`);
    expect(await run.end()).toBe(3); // one is refused
    expect(here.root.readStore()).toHaveLength(1);
    expect(await here.server.call("ZCARD", "tts:tasks:index")).toBe(1);
  });

  it("delete's question counts the chosen tasks that are refused, and not those that aren't there", async () => {
    await fill();
    for (const [ids, refused] of [
      ["t1,none", null],
      ["t1,run", "1 other chosen task refused"],
    ] as const) {
      const run = onTerminal(`delete --user alice --ids ${ids}`);
      await run.says(/\[y\/N\]/);
      expect(/\d+ other chosen tasks? refused/.exec(run.text)?.[0] ?? null).toBe(refused);
      run.type("n\r");
      await run.end();
    }
  });

  it.runIf(hasPty)("is interrupted by Ctrl-C at the question, and changes nothing", async () => {
    await fill();
    const before = await here.state();
    const run = new OnTerminal(["delete", "--user", "alice"], here.root.path);
    await run.says(/\[y\/N\]/);
    run.type("\u0003");
    expect(await run.end()).toBe(130);
    expect(await here.state()).toEqual(before);
  });
});
