import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Script } from "../../src/store/redis/commands.ts";
import { SLOT_SCRIPTS } from "../../src/store/redis/scripts.ts";
import { first, LONG } from "../helpers/long.ts";
import { ago, record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import { INDEX, Monitor, type Place, placeWithReplicas } from "./setup.ts";

const TIMEOUT_S = 1;
/** Longest wait: the timeout and a second. */
const LONGEST_MS = (TIMEOUT_S + 1) * 1000;

const TASKS = LONG ? 20_000 : 8000;

const CHANGES = [SLOT_SCRIPTS.remove, SLOT_SCRIPTS.moveMembers].map(digestOf);
const WRITE = digestOf(SLOT_SCRIPTS.write);

function digestOf({ source }: Script): string {
  return createHash("sha1").update(source).digest("hex");
}

/** Whether a command changes tasks. The script that writes a hash may come again if it only checks the guard. */
function changesTasks(command: string): boolean {
  if (command.startsWith('"ZADD"')) return true;
  const [, digest] = /^"evalsha" "(\w+)"/i.exec(command) ?? [];
  return CHANGES.includes(digest!) || (digest === WRITE && command.includes('"payload"'));
}

describe("a primary that is lost under a program", () => {
  async function place(tasks = TASKS): Promise<Place> {
    const here = await placeWithReplicas();
    const { config } = here.cluster;
    here.root.write("config.ini", `[redis]\n${config}timeout = ${TIMEOUT_S}\n[service]\ntimezone = UTC\n`);
    const updated_at = ago(30 * 86_400);
    here.root.writeStore(Array.from({ length: tasks }, (_, i) => record(`user${i % 50}`, `t${i}`, { updated_at })));
    return here;
  }

  const commands = [
    ["hangs", "cleanup --once"],
    ["is killed", "sync"],
    ["hangs", "sync"],
    ["is killed", "cleanup --once"],
  ] as const;
  it.each(first(2, commands))(
    "and %s: %s waits no longer than the timeout, and runs no command twice",
    async (way, line) => {
      const here = await place();
      const { cluster } = here;
      if (line !== "sync") await here.run("sync");
      const monitor = await Monitor.of(cluster);
      const size = async () => Number(await cluster.call("ZCARD", INDEX));
      const run = here.start(line);
      await until(async () => (line === "sync" ? (await size()) > 1000 : (await size()) < TASKS - 1000), 60);
      const victim = await cluster.serverOf(INDEX);
      expect(run.stderr).toBe("");
      const began = performance.now();
      if (way === "hangs") victim.suspend();
      else await victim.stop();
      await until(() => run.stderr !== "");
      expect(performance.now() - began).toBeLessThan(LONGEST_MS);
      expect([3, 4]).toContain((await run.end()).code);
      // After its report `cleanup` still deletes files and writes the store file.
      expect(performance.now() - began).toBeLessThan(line === "sync" ? LONGEST_MS : LONGEST_MS + 1000);
      if (way === "hangs") victim.resume();
      const executions = await monitor.executions(changesTasks);
      expect(executions.length).toBeGreaterThan(1000);
      expect(Math.max(...executions)).toBe(1);
    },
  );

  it("and hangs: serve waits no longer than the timeout, and answers from the file", async () => {
    const here = await place(1000);
    const monitor = await Monitor.of(here.cluster);
    const server = await here.serve();
    const sourceOf = async (size: number) =>
      ((await server.json(`/voice-tasks?page_size=${size}`)) as { source: string }).source;
    await until(async () => (await sourceOf(5)) === "redis", 60);
    const victim = await here.cluster.serverOf(INDEX);
    victim.suspend();
    const began = performance.now();
    expect(await sourceOf(7)).toBe("file");
    expect(performance.now() - began).toBeLessThan(LONGEST_MS);
    victim.resume();
    await server.stop();
    expect(await monitor.executions((command) => command.startsWith('"ZRANGE"') && command.includes('"6"'))).toEqual([
      1,
    ]);
    expect(Math.max(...(await monitor.executions(changesTasks)))).toBe(1);
  });
});
