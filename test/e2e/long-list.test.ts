import { chmodSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { redisProxy, type Verdict } from "../helpers/faults.ts";
import { isOn } from "../helpers/lacks.ts";
import { hasPty, OnTerminal } from "../helpers/pty.ts";
import { record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const COUNT = 2500;
/** Many equal times, whose order is by member. */
const records = Array.from({ length: COUNT }, (_, i) =>
  record(i % 3 === 0 ? "bob" : "alice", `t${String(i).padStart(4, "0")}`, {
    status: i % 5 === 0 ? "failed" : "succeeded",
    updated_at: `2020-01-01T00:${String(i % 7).padStart(2, "0")}:00`,
  }),
);
const expected = (keep: (task: (typeof records)[number]) => boolean) =>
  records
    .filter(keep)
    .map(({ user_id, task_id, updated_at }) => `${updated_at} ${user_id}:${task_id}`)
    .sort()
    .reverse()
    .map((line) => line.split(":").at(-1)!);

describe("list --limit", () => {
  const ids = (stdout: string) => lines(stdout).map((line) => JSON.parse(line).task_id as string);

  it("lists the newest tasks in order from either store, each once", async () => {
    await here.synced(...records);
    for (const source of ["file", "redis", "auto"]) {
      const run = (line: string) => here.run(`list --source ${source} -o jsonl ${line}`);
      expect(ids((await run("--limit all")).stdout)).toEqual(expected(() => true));
      expect(ids((await run("--limit 1700")).stdout)).toEqual(expected(() => true).slice(0, 1700));
      expect(ids((await run("--limit 5")).stdout)).toEqual(expected(() => true).slice(0, 5));
      const filtered = await run("--limit all --user alice --status error --since 2020-01-01T00:01:00Z");
      const isNew = ({ updated_at }: (typeof records)[number]) => String(updated_at) > "2020-01-01T00:01";
      const chosen = expected((task) => task.user_id === "alice" && task.status === "failed" && isNew(task));
      expect(ids(filtered.stdout)).toEqual(chosen);
    }
  });

  it.skipIf(isOn("cluster", "a proxy is bypassed"))("goes on from the file if Redis is lost midway", async () => {
    await here.synced(...records);
    let seen = 0;
    await using cut = await redisProxy(here.server.port, (): Verdict => (++seen > 12 ? "cut" : "pass"));
    const run = await here.run("list --limit all -o jsonl", { env: { REDIS_URL: cut.url } });
    expect(ids(run.stdout)).toEqual(expected(() => true));
    expect(run).toMatchObject({ code: 0, stderr: expect.stringMatching(/: reading .* instead/) });
  });
});

describe.runIf(hasPty)("the pager", () => {
  const SIZE: [number, number] = [80, 10];
  const fill = (count: number) => {
    here.root.configure(null);
    here.root.writeStore(records.slice(0, count));
  };
  const onTerminal = (line: string, pager: string) =>
    new OnTerminal(line.split(" "), here.root.path, { TTSCTL_PAGER: pager, PAGER: "/bin/false" }, SIZE);
  const script = (name: string, body: string) => {
    here.root.write(name, `#!/bin/sh\n${body}\n`);
    chmodSync(here.root.at(name), 0o755);
    return here.root.at(name);
  };

  it("gets a table that is higher than the screen, whole", async () => {
    fill(30);
    const pager = script("pager", 'sed "s/^/$1/"');
    const long = onTerminal("list -n 30", `${pager} >`);
    expect(await long.end()).toBe(0);
    expect(long.text.match(/^>/gm)).toHaveLength(31);
    expect(long.text).toMatch(/30 of 30 tasks/);
    for (const line of ["list -n 5", "list -n 30 --no-pager", "list -n 30 -o json"]) {
      const short = onTerminal(line, `${pager} >`);
      expect(await short.end()).toBe(0);
      expect(short.text).not.toMatch(/^>/m);
    }
  });

  it("has Ctrl-C to itself", async () => {
    fill(30);
    const pager = script("pager", 'trap "echo GOT; exit 0" INT; cat; echo READY; while :; do sleep 0.05; done');
    const run = onTerminal("list -n 30", pager);
    await until(() => run.text.includes("READY"));
    run.type("\u0003");
    expect(await run.end()).toBe(0);
    expect(run.text).toContain("GOT");
  });
});
