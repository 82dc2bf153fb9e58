import { chmodSync, chownSync, statSync } from "node:fs";
import { expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { parrotServer } from "../helpers/faults.ts";
import { record } from "../helpers/records.ts";
import { RedisServer } from "../helpers/redis.ts";
import { LONG } from "./helpers/chance.ts";
import { triedBadInput } from "./helpers/tally.ts";

const here = usePlace();
const SECRET = "s3cr3t-p%40ss";
const DECODED = "s3cr3t-p@ss";

const READING = ["list -vv", "get a t1", "config", "doctor", "verify"];
const COMMANDS = [...READING, "sync", "cleanup --once", "delete --user a --yes"];

it("row I, a password is in no output and no lock file, whatever fails and however it is given", async () => {
  await using strict = await RedisServer.start("--requirepass", "another");
  await using echo = await parrotServer(`-ERR unknown command 'AUTH', with args beginning with: 'user' '${DECODED}'`);
  here.root.writeStore([record("a", "t1")]);
  const urls = [strict.port, echo.port].map((port) => `redis://user:${SECRET}@127.0.0.1:${port}/0`);
  const ways = [
    { env: { REDIS_URL: urls[0]! }, flags: [] },
    { env: { REDIS_PASSWORD: DECODED, REDIS_PORT: `${echo.port}` }, flags: [] },
    { env: {}, flags: ["--redis-url", urls[1]!] },
    { env: { REDIS_URL: `redis://:${SECRET}@127.0.0.1:1/0` }, flags: ["-vv"] },
  ];
  for (const { env, flags } of ways) {
    for (const line of COMMANDS) {
      const { stdout, stderr } = await here.runArgs([...line.split(" "), ...flags], { env });
      expect(stdout + stderr).not.toContain(DECODED);
      expect(stdout + stderr).not.toContain(SECRET);
      triedBadInput();
    }
  }
  expect(Object.values(here.root.tree()).join()).not.toContain("s3cr3t");
});

it.each(LONG ? [0o600, 0o640, 0o664, 0o444] : [0o640])("row I, mode %o and the owner are kept", async (mode) => {
  const tasks = [record("a", "t1"), record("a", "t2"), record("b", "t3")];
  const owner = process.getuid?.() === 0 ? 12_345 : process.getuid!();
  here.root.writeStore(tasks);
  here.root.write("in.jsonl", `${JSON.stringify(record("c", "new"))}\n`);
  chmodSync(here.root.store, mode);
  if (process.getuid?.() === 0) chownSync(here.root.store, owner, owner);
  for (const line of [
    "mark --user a --ids t1 --to failed --yes",
    "import in.jsonl --yes",
    "delete --user a --ids t2 --yes",
    "cleanup --once",
  ]) {
    const before = here.root.storeText();
    const run = await here.run(`${line} --no-redis`);
    triedBadInput();
    expect(run.code, `${line}: ${run.stderr}`).toBe(0);
    expect(here.root.storeText(), line).not.toBe(before);
    const { mode: now, uid } = statSync(here.root.store);
    expect([(now & 0o7777).toString(8), uid], line).toEqual([mode.toString(8), owner]);
  }
});
