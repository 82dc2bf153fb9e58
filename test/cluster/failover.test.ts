import { expect, it } from "vitest";
import { LONG } from "../helpers/long.ts";
import { ago, record } from "../helpers/records.ts";
import type { RecordJson } from "../helpers/root.ts";
import { until } from "../helpers/until.ts";
import { INDEX, placeWithReplicas } from "./setup.ts";

const YOUNG = record("alice", "young", { updated_at: ago(60) });

const MANY = LONG ? 100_000 : 8000;
const some = (count: number) => Array.from({ length: count }, (_, i) => record(`user${i % 50}`, `t${i}`));

it("a primary killed in the middle of sync: it is named, and after the failover a rerun converges", async () => {
  const here = await placeWithReplicas();
  const { cluster } = here;
  const tasks = some(MANY);
  here.root.writeStore(tasks);
  const victim = await cluster.serverOf(INDEX);
  const sync = here.start("sync -o json");
  await until(async () => Number(await victim.call("ZCARD", INDEX)) > MANY / 5, 60);
  await cluster.failOver(INDEX);
  const { code, stderr } = await sync.end();
  expect(code).toBe(4);
  const error = JSON.parse(stderr.trim().split("\n").at(-1)!);
  expect(error).toMatchObject({ code: "REDIS_UNAVAILABLE" });
  expect(error.error).toContain(`127.0.0.1:${victim.port}`);

  const between = await here.json("verify");
  expect(between).toMatchObject({ code: 3, checked: MANY, differs: 0, partial: 0, onlyInRedis: 0 });
  expect(between.inSync).toBeGreaterThan(0);
  expect(await here.json("sync")).toMatchObject({ code: 0, total: MANY, failed: 0 });
  expect(await here.json("verify")).toMatchObject({ code: 0, checked: MANY, inSync: MANY });
});

it("cleanup --watch continues automatically, even if the configured node is the one that died", async () => {
  const here = await placeWithReplicas();
  const { cluster } = here;
  const victim = await cluster.serverOf(INDEX);
  const config = `[redis]\ncluster = true\nhost = 127.0.0.1\nport = ${victim.port}\n[service]\ntimezone = UTC\n`;
  here.root.write("config.ini", config);
  here.root.writeStore([...some(3000), YOUNG] as RecordJson[]);
  expect(await here.json("sync")).toMatchObject({ code: 0 });
  const watcher = here.start("cleanup --watch");
  await until(async () => Number(await victim.call("ZCARD", INDEX)) < 2500);
  await cluster.failOver(INDEX);
  await watcher.says(/\[CLEANUP\] pass|pass failed/);
  await until(async () => {
    watcher.kill("SIGHUP");
    return (await cluster.call("ZCARD", INDEX)) === 1;
  }, 60);
  await until(() => here.root.readStore().length === 1);
  watcher.kill("SIGTERM");
  expect(await watcher.end()).toMatchObject({ code: 0 });
  here.root.write("config.ini", `[redis]\n${cluster.config}[service]\ntimezone = UTC\n`);
  await here.run("verify --repair --yes");
  expect(await here.json("verify")).toMatchObject({ code: 0, checked: 1 });
});
