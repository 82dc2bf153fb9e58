import { afterAll, beforeAll, expect, it } from "vitest";
import { KINDS } from "../../src/operations/verify/classify.ts";
import { LONG } from "../helpers/long.ts";
import { record } from "../helpers/records.ts";
import { RedisServer } from "../helpers/redis.ts";
import { type RecordJson, ServiceRoot } from "../helpers/root.ts";
import { ttsctl } from "../helpers/ttsctl.ts";
import { DAMAGES } from "../operations/verify/damage.ts";

const TASKS = 10_000;
const ROUNDS = 40;

let server: RedisServer;
let root: ServiceRoot;
beforeAll(async () => {
  server = await RedisServer.start();
  root = new ServiceRoot(server.port);
});
afterAll(async () => {
  root.remove();
  await server.remove();
});

const user = (number: number) => `user${number % 50}`;
const run = async (...args: string[]) => {
  const { code, stdout } = await ttsctl([...args, "-o", "json"], { cwd: root.path });
  return { code, result: JSON.parse(stdout) as Record<string, number> };
};
const dump = async () => ({ ...(await server.dump()), "tts:ttsctl:synced": "" });

/** The store file in memory: each damage need not write all of it. */
class HeldRoot extends ServiceRoot {
  records: RecordJson[] = [];

  override readStore(): RecordJson[] {
    return this.records;
  }

  override writeStore(records: readonly RecordJson[]): void {
    this.records = [...records];
  }
}

it.runIf(LONG)("finds and repairs 10,000 tasks with every kind of damage at once", async () => {
  root.writeStore(Array.from({ length: TASKS }, (_, i) => record(user(i), `t${i}`)));
  expect((await run("sync")).result).toMatchObject({ written: TASKS });
  const held = new HeldRoot();
  held.records = root.readStore();
  const counts = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
  for (let i = 0; i < ROUNDS * DAMAGES.length; i++) {
    const damage = DAMAGES[i % DAMAGES.length]!;
    const number = i * 7;
    await damage.make({ root: held, server }, user(number), `t${number}`);
    counts[damage.kind]!++;
  }
  root.writeStore(held.records);
  held.remove();

  const damaged = ROUNDS * DAMAGES.length;
  const found = { ...counts, checked: TASKS, inSync: TASKS - damaged, invalid: 0 };
  expect(await run("verify")).toEqual({ code: 3, result: { ...found, repaired: 0 } });
  const kept = ROUNDS * DAMAGES.filter(({ kind, gone }) => gone && kind !== "dangling").length;
  expect(await run("verify", "--repair")).toEqual({ code: 3, result: { ...found, repaired: damaged - kept } });
  const restored = ROUNDS * DAMAGES.filter(({ kind, gone }) => gone && kind === "onlyInRedis").length;
  expect((await run("verify", "--repair", "--restore")).result).toMatchObject({ repaired: restored });
  expect(await run("verify", "--repair", "--prune", "--yes")).toMatchObject({ code: 0 });
  expect(await run("verify")).toMatchObject({ code: 0, result: { repaired: 0 } });

  const repaired = await dump();
  await server.call("FLUSHALL");
  await run("sync");
  expect(await dump()).toEqual(repaired);
});
