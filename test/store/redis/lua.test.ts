import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { SCRIPTS, SLOT_SCRIPTS } from "../../../src/store/redis/scripts.ts";
import { RedisServer } from "../../helpers/redis.ts";

const scripts = Object.entries({
  ...SCRIPTS,
  ...Object.fromEntries(Object.entries(SLOT_SCRIPTS).map(([name, script]) => [`slot ${name}`, script])),
});

it.each(scripts)("the script %s has no warnings of luacheck", (_, { source }) => {
  const globals = ["--std", "lua51", "--read-globals", "redis", "cjson", "KEYS", "ARGV"];
  const options = ["--no-color", "--codes", "--no-max-line-length", "--ignore", "211/.*Of"]; // a script needs some of an include
  const { stdout, status } = spawnSync("luacheck", ["-", ...globals, ...options], { input: source, encoding: "utf8" });
  expect([status, stdout]).toEqual([0, expect.stringContaining("0 warnings / 0 errors")]);
});

it("members of an index are moved only if their scores are as they were read", async () => {
  await using server = await RedisServer.start();
  await server.call("ZADD", "index", 1, "same", 2, "changed", 3, "gone");
  await server.call("ZADD", "index", 9, "changed", 9, "new");
  const moves = ["same", 1, 5, "changed", 2, 5, "new", "", 5, "added", "", 5, "gone", 3, "", "changed", 2, ""];
  await server.call("EVAL", SLOT_SCRIPTS.moveMembers.source, 1, "index", ...moves);
  expect((await server.zset("index")).join(" ")).toBe("added,5 same,5 changed,9 new,9");
});
