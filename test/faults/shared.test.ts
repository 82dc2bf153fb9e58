import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, utimesSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { ago, record } from "../helpers/records.ts";
import { pastTick } from "../helpers/root.ts";
import { lines } from "../helpers/ttsctl.ts";
import { times } from "./helpers/chance.ts";
import type { TestRecord } from "./helpers/stores.ts";
import { triedFault } from "./helpers/tally.ts";

const here = usePlace();

/** Why bob's task of the same id keeps the log. */
const KEPT: TestRecord[] = [
  record("bob", "young", { updated_at: ago(60) }),
  record("bob", "running", { status: "running" }),
  record("bob", "invalid", { updated_at: "soon" }),
];
const ONLY_IN_REDIS = record("bob", "redis", { status: "running" });
const ALL = [...KEPT, ONLY_IN_REDIS].map(({ task_id }) => task_id);
const hers = (ids: readonly string[]) => ids.map((id) => record("alice", id));
const log = (id: string) => `Logs/20200101/08/${id}.log`;

describe("row C, two users with the same task ids", () => {
  it.each([
    { line: "cleanup --once -o json", records: hers([...ALL, "hers"]), said: true },
    { line: "delete --user alice --yes -o json", records: hers([...ALL, "hers"]), said: true },
    { line: "cleanup --orphans --yes --max-delete 100% -o json", records: [], said: false },
  ])("$line: the log that a kept record shares stays, and its folder", async ({ line, records, said }) => {
    here.root.writeStore([...records, ...KEPT]);
    await here.mirrored(ONLY_IN_REDIS);
    here.root.writeArtifacts([...hers([...ALL, "hers"]), ...KEPT, ONLY_IN_REDIS]);
    const run = await here.run(line);
    triedFault(ALL.length);
    expect(run.code, run.stderr).toBe(0);
    for (const id of ALL) {
      expect(here.root.has(log(id)), `${id}: ${run.stderr}`).toBe(true);
      expect(here.root.has(`output/bob/${id}/${id}.wav`), id).toBe(true);
      expect(here.root.has(`output/alice/${id}`), id).toBe(false);
    }
    expect(here.root.has(log("hers"))).toBe(false);
    if (said) expect(run.stderr).toContain(`the logs of ${ALL.length} purged tasks are kept`);
  });

  it("the last of them takes the log with it", async () => {
    const both = [record("alice", "t1"), record("bob", "t1"), record("bob", "t2", { updated_at: ago(60) })];
    here.root.writeStore(both);
    here.root.writeArtifacts(both);
    expect((await here.run("delete --user alice --yes")).code).toBe(0);
    expect(here.root.has(log("t1"))).toBe(true);
    expect((await here.run("cleanup --once")).code).toBe(0);
    expect([here.root.has(log("t1")), here.root.has(log("t2"))]).toEqual([false, true]);
    triedFault(2);
  });

  it("a task that newer audio keeps still owns the log", async () => {
    const both = [record("alice", "t1"), record("bob", "t1")];
    here.root.writeStore(both);
    here.root.writeArtifacts(both);
    here.root.write("output/alice/t1/t1.wav", "new", Date.now() / 1000 + 3600);
    expect((await here.run("cleanup --once --no-redis")).code).toBe(0);
    expect(here.root.readStore()).toEqual([both[0]]);
    expect(here.root.has("output/bob/t1")).toBe(false);
    expect(here.root.has(log("t1"))).toBe(true);
    triedFault(1);
  });
});

describe("row C, a user folder that is created while it is swept", () => {
  let end: (() => Promise<{ made: number; errors: string[] }>) | undefined;
  afterEach(async () => {
    await end?.();
    end = undefined;
  });

  /** The service's makedirs and open, a thread for each of twelve users. */
  function startService(): () => Promise<{ made: number; errors: string[] }> {
    const script = new URL("helpers/folders.py", import.meta.url).pathname;
    const child = spawn("python3", [script, here.root.path], { stdio: ["pipe", "pipe", "inherit"] });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (more: string) => {
      text += more;
    });
    const closed = once(child, "close");
    end = async () => {
      child.stdin.end();
      await closed;
      return JSON.parse(text);
    };
    return end;
  }

  const BUSY = [0, 3, 6, 9].map((i) => record(`busy${i}`, "busy", { status: "running" }));

  /** Expired tasks of all kinds of users, and artifacts of one who is gone. */
  function lay(round: number): TestRecord[] {
    const users = ["busy0", "busy3", "busy6", "fresh1", "fresh4"];
    const records = users.map((user) => record(user, `r${round}`));
    here.root.writeStore([...BUSY, ...records]);
    for (const { user_id, task_id } of [...records, { user_id: `gone${round}`, task_id: `gone${round}` }]) {
      const home = `output/${user_id}`;
      here.root.write(`${home}/${task_id}/a.wav`, "x", 1);
      for (const path of [`${home}/${task_id}`, ...(user_id.startsWith("fresh") ? [] : [home])]) {
        utimesSync(here.root.at(path), 1, 1);
      }
    }
    pastTick();
    return records;
  }

  it("the service's makedirs and open never fail because of ttsctl, and unused directories are removed", async () => {
    here.root.writeStore(BUSY);
    const stop = startService();
    for (let round = 0; round < times(2, 60); round++) {
      const records = lay(round);
      const line = round % 2 === 0 ? "cleanup --once -o json" : "delete --status done --yes -o json";
      for (const command of [line, "cleanup --orphans --yes --max-delete 100% -o json"]) {
        const run = await here.run(command, { env: { TASK_RETENTION_SECONDS: "60" } });
        expect([0, 3], `${command}: ${lines(run.stderr).at(-1)}`).toContain(run.code);
      }
      expect(here.root.readStore()).toEqual(BUSY);
      for (const { user_id, task_id } of records) expect(here.root.has(`output/${user_id}/${task_id}`)).toBe(false);
      expect(here.root.has(`output/gone${round}`)).toBe(false);
    }
    const { made, errors } = await stop();
    triedFault(made);
    expect(errors).toEqual([]);
    expect(made).toBeGreaterThan(10);
    expect(existsSync(here.root.at("output/.ttsctl-purge"))).toBe(false);
  });
});
