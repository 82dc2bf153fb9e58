import { describe, expect, it } from "vitest";
import { invoke } from "../cli/invoke.ts";
import { FastClock } from "../helpers/clock.ts";
import { redisProxy } from "../helpers/faults.ts";
import { record } from "../helpers/records.ts";
import { useServer } from "../http/setup.ts";
import { Chance, times } from "./helpers/chance.ts";
import { triedFault } from "./helpers/tally.ts";

const here = useServer();
const INDEX = "tts:tasks:index";
const USERS = ["alice", "bob", "carol"];
const COUNT = 120;
const ROUNDS = times(10, 200);
const indexOf = (user: string) => `tts:user:${user}:index`;

/** How many tasks an answer has, and what it says besides. */
interface Answer {
  readonly what: string;
  readonly total: number;
  readonly says: string;
}

async function run(...argv: string[]): Promise<Answer> {
  const { code, stdout, stderr } = await invoke([...argv, "-o", "json"], { cwd: here.root.path });
  expect([code, argv], stderr).toEqual([0, argv]);
  return { what: argv.join(" "), total: JSON.parse(stdout).total, says: stderr };
}

/** Everything that counts, of all users and of some. */
async function answers(get: (path: string) => Promise<Response>, users = USERS): Promise<Record<string, Answer[]>> {
  const http = async (path: string): Promise<Answer> => {
    const answer = await get(path);
    expect(answer.status).toBe(200);
    const { total } = (await answer.json()) as { total: number };
    return { what: `GET ${path}`, total, says: answer.headers.get("ttsctl-warnings") ?? "" };
  };
  const of = async (user?: string) => [
    await run("list", ...(user ? ["--user", user] : [])),
    await run("list", "--page-size", "1000", ...(user ? ["--user", user] : [])),
    await run("query", JSON.stringify(user ? { user_id: user, page_size: 1 } : {})),
    await run("stats", ...(user ? ["--user", user] : [])),
    await http(`/voice-tasks${user ? `?user_id=${user}` : ""}`),
  ];
  return {
    "": await of(),
    ...Object.fromEntries(await Promise.all(users.map(async (user) => [user, await of(user)]))),
  };
}

type Damage = (chance: Chance, userIndex: string) => Promise<unknown>;

/** All but a fifth of what the sync counted: that is noticed, whatever a service added before. */
async function dropMost(chance: Chance, key: string): Promise<void> {
  const members = (await here.server.call("ZRANGE", key, 0, -1)) as string[];
  const counted = key === INDEX ? COUNT : COUNT / USERS.length;
  const most = chance.some(members, Math.max(0, members.length - Math.floor(counted / 5)));
  if (most.length > 0) await here.server.call("ZREM", key, ...most);
}

/** As `allkeys-random` does: any keys, marks and hashes among them. */
async function evict(chance: Chance): Promise<void> {
  const keys = ((await here.server.call("KEYS", "*")) as string[]).sort();
  const indexes = keys.filter((key) => key.endsWith(":index") || key.startsWith("tts:ttsctl:"));
  const gone = [...chance.some(keys, chance.below(keys.length)), ...chance.some(indexes, chance.below(3))];
  if (gone.length > 0) await here.server.call("DEL", ...gone);
}

const DAMAGES: Record<string, Damage> = {
  "the index deleted": () => here.server.call("DEL", INDEX),
  "a user's index deleted": (_, index) => here.server.call("DEL", index),
  "most of the index lost": (chance) => dropMost(chance, INDEX),
  "most of a user's index lost": dropMost,
  "keys evicted": evict,
};

const records = () =>
  Array.from({ length: COUNT }, (_, i) =>
    record(USERS[i % USERS.length]!, `t${i}`, {
      updated_at: `2024-01-01T00:${10 + (i % 50)}:00`,
      status: i % 4 ? "done" : "queued",
    }),
  );

describe("an index that was lost, or lost members,", () => {
  it("never reads as fewer tasks than the file has without a warning", { timeout: 400_000 }, async () => {
    here.root.writeStore(records());
    const clock = new FastClock();
    const server = await here.serve("--no-cleanup", {}, clock);
    await server.run.says(/tasks from the file to Redis/);
    const chance = new Chance("lost index");
    let silent = 0;
    for (let round = 0; round < ROUNDS; round++) {
      here.root.writeStore(records());
      await here.server.call("FLUSHALL");
      await run("sync");
      const written: string[] = [];
      const user = chance.of(USERS);
      // A service adds and deletes between the sync and the loss, or after it.
      const changes = [() => add(chance, written), () => remove(chance, written), async () => {}];
      await chance.of(changes)();
      const name = chance.of(Object.keys(DAMAGES));
      await DAMAGES[name]!(chance, indexOf(user));
      if (chance.next() < 0.3) await add(chance, written, COUNT / 12);
      const inFile = here.root.readStore();
      await clock.sleep(1000); // a server checks an index once a second
      const all = await answers((path) => server.fetch(path), [user]);
      for (const [user, ofUser] of Object.entries(all)) {
        const expected = user === "" ? inFile.length : inFile.filter(({ user_id }) => user_id === user).length;
        const label = `round ${round}, ${name}, ${user}`;
        for (const { what, total, says } of ofUser) {
          if (total < expected && !says.includes("ttsctl sync")) {
            silent++;
            expect.soft([label, what, total, says]).toEqual([label, what, expected, expect.anything()]);
          }
        }
      }
      triedFault(1, 0);
    }
    expect(silent).toBe(0);
  });

  it("is complete again after a sync, without warnings", async () => {
    here.root.writeStore(records());
    const server = await here.serve("--no-cleanup");
    await server.run.says(/tasks from the file to Redis/);
    for (const key of [INDEX, indexOf("bob")]) {
      await dropMost(new Chance(key), key);
      expect((await run("list", ...(key === INDEX ? [] : ["--user", "bob"]))).says).toContain("ttsctl sync");
      await run("sync");
      const all = await answers((path) => server.fetch(path));
      for (const answer of Object.values(all).flat()) expect(answer.says).not.toContain("warning");
    }
  });

  it("is complete after a cleanup of most tasks, so the file isn't read", async () => {
    here.root.writeStore(records());
    await run("sync");
    await invoke(["cleanup", "--once"], { cwd: here.root.path });
    here.root.write("voice_task.json", "[nothing to read]");
    for (const argv of [["list"], ["list", "--user", "alice"]]) {
      const { total, says } = await run(...argv);
      expect([total < COUNT / 2, says]).toEqual([true, expect.not.stringContaining("warning")]);
    }
  });

  it("is noticed after a sync that didn't see it", async () => {
    here.root.writeStore(records());
    await run("sync");
    let lost = false;
    const proxy = await redisProxy(here.server.port, async (sent) => {
      if (!lost && /tts:ttsctl:counted|ZCARD\r\n\$\d+\r\ntts:tasks:index/.test(sent)) {
        lost = true;
        await here.server.call("ZREMRANGEBYRANK", INDEX, 0, 39);
      }
      return "pass" as const;
    });
    try {
      await run("sync", "--redis-url", `redis://127.0.0.1:${proxy.port}`);
    } finally {
      await proxy.stop();
    }
    expect(Number(await here.server.call("ZCARD", INDEX))).toBe(COUNT - 40);
    expect(await run("list")).toMatchObject({ total: COUNT, says: expect.stringContaining("ttsctl sync") });
  });

  it("is still noticed after a cleanup or a deletion", async () => {
    here.root.writeStore(records());
    await run("sync");
    const chance = new Chance("after a loss");
    for (const key of [INDEX, indexOf("bob")]) await dropMost(chance, key);
    for (const argv of [
      ["delete", "--user", "bob", "--ids", "t1,t4", "--yes", "--force"],
      ["cleanup", "--once"],
    ]) {
      expect((await invoke(argv, { cwd: here.root.path })).code).toBe(0);
      for (const user of [[], ["--user", "bob"]]) {
        const mine = here.root.readStore().filter(({ user_id }) => user.length === 0 || user_id === "bob");
        const { total, says } = await run("list", ...user);
        expect([argv[0], user, total, says]).toEqual([
          argv[0],
          user,
          mine.length,
          expect.stringContaining("ttsctl sync"),
        ]);
      }
    }
  });
});

it.each([
  ["lost", "STORE_EMPTY"],
  ["cut", "STORE_INVALID"],
])("a lost index beside a %s file never reads as no tasks, or few", async (what, expected) => {
  here.root.writeStore(records());
  await run("sync");
  if (what === "lost") here.root.drop("voice_task.json");
  else here.root.write("voice_task.json", "[{");
  for (const line of ["list", "stats"]) expect((await run(line)).says).toMatch(/reading only from Redis|damaged/);
  const lines = ["list", "list --user bob", "list --stuck --exit-status", "list --limit all", "stats", "query {}"];
  const rest = COUNT / 4;
  await here.server.call("ZREMRANGEBYRANK", INDEX, 0, COUNT - rest - 1);
  for (const members of [rest, 0]) {
    if (members === 0) await here.server.call("DEL", INDEX, indexOf("bob"));
    for (const line of lines.filter((_, i) => members === 0 || i !== 1)) {
      const { code, stderr } = await invoke([...line.split(" "), "-o", "json"], { cwd: here.root.path });
      const { code: name, hint } = JSON.parse(stderr.trimEnd().split("\n").at(-1)!);
      expect([line, code, name, hint]).toEqual([
        line,
        1,
        expected,
        expect.stringContaining("verify --repair --restore"),
      ]);
    }
  }
});

it("tasks that Redis lost beside a cut file are a warning of what is left", async () => {
  here.root.writeStore(records());
  await run("sync");
  here.root.write("voice_task.json", "[{");
  for (const member of records()
    .slice(3)
    .map(({ user_id, task_id }) => `${user_id}:${task_id}`)) {
    await here.server.call("DEL", `tts:task:${member}`);
    await here.server.call("ZREM", INDEX, member);
  }
  for (const line of ["list", "list --limit all", "stats"]) {
    expect(await run(...line.split(" "))).toMatchObject({
      total: 3,
      says: expect.stringContaining(`only 3 of its ${COUNT} tasks`),
    });
  }
});

describe("a file that cannot be read, beside a Redis that was flushed,", () => {
  const LINES = ["list", "list --user alice --ids t0", "list --page-size 1000", "stats --user alice", "query {}"];

  it.each(LINES)("is an error that names both: %s", async (line) => {
    const argv = [...line.split(" "), "-o", "json"];
    for (const content of ["", JSON.stringify(records()).slice(0, 500)]) {
      here.root.writeStore(records());
      await run("sync");
      here.root.write("voice_task.json", content);
      const synced = await invoke(argv, { cwd: here.root.path });
      expect([synced.code, JSON.parse(synced.stdout).source]).toEqual([0, "redis"]);
      await here.server.call("FLUSHALL");
      const { code, stdout, stderr } = await invoke(argv, { cwd: here.root.path });
      expect([code, stdout]).toEqual([1, ""]);
      expect(JSON.parse(stderr)).toMatchObject({
        code: expect.stringMatching(/^STORE_/),
        error: expect.stringMatching(/voice_task\.json.*Redis at/),
      });
    }
  });
});

/** A service adds tasks: the file, then Redis. */
async function add(chance: Chance, written: string[], most = COUNT): Promise<void> {
  const added = Array.from({ length: 1 + chance.below(most) }, (_, i) =>
    record(chance.of(USERS), `new${written.length + i}`, { updated_at: "2024-02-01T00:00:00" }),
  );
  written.push(...added.map(({ task_id }) => String(task_id)));
  here.root.write("voice_task.json", JSON.stringify([...added, ...here.root.readStore()], null, 2));
  await here.mirrored(...added);
}

/** A service deletes tasks: the file, then Redis. */
async function remove(chance: Chance, _: string[]): Promise<void> {
  const all = here.root.readStore();
  const gone = new Set(chance.some(all, chance.below(COUNT)));
  const left = all.filter((task) => !gone.has(task));
  here.root.write("voice_task.json", JSON.stringify(left, null, 2));
  for (const { user_id, task_id } of gone) {
    await here.server.call("DEL", `tts:task:${user_id}:${task_id}`);
    await here.server.call("ZREM", INDEX, `${user_id}:${task_id}`);
    await here.server.call("ZREM", indexOf(String(user_id)), String(task_id));
  }
}
