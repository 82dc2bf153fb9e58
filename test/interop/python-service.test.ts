import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { FastClock } from "../helpers/clock.ts";
import { lacks } from "../helpers/lacks.ts";
import { ago, record } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";
import { ROOT } from "../package/project.ts";

const here = usePlace();
const PYTHON = "/usr/bin/python3";
const hasRedis = spawnSync(PYTHON, ["-c", "import redis"]).status === 0;
const TEXTS = ["你好", "second", 'a\n"b"', "fourth"];

type Item = { user_id: string; task_id: string; status: string };

describe.skipIf(lacks("python3-redis", hasRedis))("the example service in Python", () => {
  let end = async () => {};
  afterEach(() => end());

  async function start(): Promise<string> {
    const args = [join(ROOT, "examples/python-service/service.py"), here.root.path, "0", `${here.server.port}`];
    const child = spawn(PYTHON, args, { env: { ...process.env, TZ: "UTC", PYTHONDONTWRITEBYTECODE: "1" } });
    let [out, err] = ["", ""];
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text;
    });
    end = async () => {
      child.kill("SIGKILL");
      await once(child, "close");
      expect(err).toBe("");
    };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    await until(() => /listening on \d+\n/.test(out) || child.exitCode !== null, 60).finally(() =>
      expect(err).toBe(""),
    );
    return `http://127.0.0.1:${/listening on (\d+)/.exec(out)?.[1]}`;
  }

  const ask = async <T>(url: string, body?: object): Promise<T> => {
    const answer = await fetch(url, body && { method: "POST", body: JSON.stringify(body) });
    return (await answer.json()) as T;
  };

  it("works beside every command: nothing is lost, undone or misordered", { timeout: 120_000 }, async () => {
    const [OLD, YOUNG] = [record("old", "o1"), record("young", "y1", { updated_at: ago(60) })];
    here.root.writeStore([OLD, YOUNG]);
    here.root.writeArtifacts([OLD, YOUNG]);
    const url = await start();
    here.root.write("in.jsonl", `${JSON.stringify(record("in", "i1", { updated_at: ago(90) }))}\n`);
    const said: Item[] = [];
    const lines = ["sync", "list -o json", "stats -o json", "verify", "verify --repair", "import in.jsonl --yes"];
    lines.push("mark --user young --to error --yes", "export -o jsonl", "cleanup --once", "cleanup --orphans");
    for (const line of [...lines, "delete --user in --yes"]) {
      const asked = Promise.all(TEXTS.map((text) => ask<Item>(`${url}/voice-tasks`, { user_id: "alice", text })));
      const run = await here.run(line, { clock: new FastClock() }); // the service has real time
      expect(line.startsWith("verify") ? [0, 3] : [0], `${line}: ${run.stderr}`).toContain(run.code);
      said.push(...(await asked));
    }
    const ids = said.map(({ task_id }) => task_id);
    await expect
      .poll(() => here.root.readStore().filter(({ status }) => status === "succeeded").length, { timeout: 30_000 })
      .toBe(said.length);
    expect((await here.run("verify")).code).toBe(0);
    const names = here.root.readStore().map(({ user_id, task_id }) => `${user_id}:${task_id}`);
    expect(names.sort()).toEqual(["young:y1", ...ids.map((id) => `alice:${id}`)].sort());
    expect(here.root.readStore().find(({ task_id }) => task_id === "y1")).toMatchObject({ status: "error" });
    const theirs = await ask<{ total: number; items: Item[] }>(`${url}/voice-tasks?user_id=alice&page_size=5`);
    const ours = JSON.parse((await here.run("list --user alice --page-size 5 -o json")).stdout);
    expect(theirs.items.map(({ task_id }) => task_id)).toEqual(ours.items.map(({ task_id }: Item) => task_id));
    const query = { user_id: "alice", task_ids: ids.slice(0, 3) };
    const chosen = await ask<{ total: number; items: Item[] }>(`${url}/voice-tasks/query`, query);
    expect([chosen.total, chosen.items.map(({ status }) => status)]).toEqual([3, ["done", "done", "done"]]);
    expect((await here.run(`get alice ${ids[0]} -o json`)).stdout).toContain("audio.wav");
  });
});
