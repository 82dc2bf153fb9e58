import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { isOn } from "../helpers/lacks.ts";
import { ago, record } from "../helpers/records.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const PREFIX = "staging:é:";
const tasks = (user: string) =>
  Array.from({ length: 30 }, (_, n) => record(user, `t${n}`, { updated_at: ago(60 + n), n }));

async function json(line: string, prefix = PREFIX) {
  const printed = await here.json(line, { env: { REDIS_PREFIX: prefix } });
  expect(printed.said, line).not.toMatch(/^(error|warning)/m);
  return printed;
}

const digests = async (start: string) =>
  Object.entries(await here.server.dump()).filter(([key]) => key.startsWith(start));

const hasOwn = isOn("acl", "its user has rights to tts:* alone") || isOn("api_ms", "the test sets the layout itself");
const eachLayout = it.skipIf(hasOwn).each(["plain", "api_ms"]);

eachLayout("every command works on the keys behind it, and on no others (%s)", async (layout) => {
  const config = readFileSync(here.root.at("config.ini"), "utf8");
  here.root.write("config.ini", config.replace("[redis]", `[redis]\nlayout = ${layout}`));
  here.root.writeStore(tasks("alice"));
  expect(await json("sync", "")).toMatchObject({ written: 30 });
  const others = await digests("tts:");

  here.root.writeStore(tasks("bob"));
  expect(await json("sync")).toMatchObject({ exit: 0, written: 30, orphans: 0 });
  expect(await json("sync")).toMatchObject({ unchanged: 30 });
  expect(await json("list --page 2 --page-size 10")).toMatchObject({ source: "redis", total: 30 });
  expect(await json("list --user bob --status done --since 1d")).toMatchObject({ source: "redis", total: 30 });
  expect(await json("list --user bob --ids t3,t4")).toMatchObject({ source: "redis", total: 2 });
  expect(await json("get bob t5")).toMatchObject({ source: "redis", redis: { n: 5 } });
  expect(await json("stats")).toMatchObject({ source: "redis", total: 30 });
  expect(await json("verify")).toMatchObject({ exit: 0, inSync: 30 });
  expect(await json("mark --user bob --ids t0 --to error --yes")).toMatchObject({ exit: 0, marked: 1 });
  expect(await json("delete --user bob --ids t1,t2 --yes")).toMatchObject({ exit: 0, deleted: 2 });
  here.root.writeStore(here.root.readStore().slice(2));
  expect(await json("sync --prune --yes")).toMatchObject({ exit: 0, orphans: 2, pruned: 2 });
  here.root.writeStore([...here.root.readStore(), record("bob", "old", { updated_at: ago(30 * 86_400) })]);
  await json("sync");
  expect(await json("cleanup --once")).toMatchObject({ exit: 0, purged: 1 });
  expect(await json("verify")).toMatchObject({ exit: 0, inSync: 26 });

  expect(await digests("tts:")).toEqual(others);
  const keys = Object.keys(await here.server.dump());
  expect(keys.filter((key) => !key.startsWith("tts:") && !key.startsWith(`${PREFIX}tts:`))).toEqual([]);
  expect(await here.server.call("ZCARD", `${PREFIX}tts:tasks:index`)).toBe(26);
});

const onOneNode = it.skipIf(isOn("cluster", "the test sets the rights on one node"));

onOneNode("doctor asks for the rights to the keys behind it, and names them", async () => {
  here.root.writeStore(tasks("bob"));
  await here.server.call("ACL", "SETUSER", "limited", "on", ">secret", "~tts:*", "+@all");
  const login = { REDIS_USERNAME: "limited", REDIS_PASSWORD: "secret" };
  const rights = async (env: Record<string, string>) => {
    const { checks } = await here.json("doctor", { env });
    return checks.find(({ check }: { check: string }) => check === "redis.rights");
  };
  expect(await rights(login)).toMatchObject({ status: "ok" });
  const denied = await rights({ ...login, REDIS_PREFIX: PREFIX });
  expect(denied).toMatchObject({ status: "fail", hint: expect.stringContaining(`~${PREFIX}tts:*`) });
  expect(denied.detail).toContain(`on ${PREFIX}tts:tasks:index`);
});
