import { describe, expect, it } from "vitest";
import { SETTING_NAMES } from "../../src/config/settings.ts";
import { record } from "../helpers/records.ts";
import type { Run } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
describe("config", () => {
  it("prints the value and the source of every setting", async () => {
    here.root.write(
      "config.ini",
      "[redis]\nhost = db.example\ndb = 3\n[cleanup]\nretention = 2h\n[store]\npath = data/tasks.json\n",
    );
    const run = await here.run("config -o json --no-redis", { env: { REDIS_PORT: "6380", TTSCTL_OUTPUT: "audio" } });
    expect(run.code).toBe(0);
    const settings = JSON.parse(run.stdout);
    expect(Object.keys(settings)).toEqual(SETTING_NAMES);
    expect(settings).toMatchObject({
      "redis.enabled": { value: false, source: "flag" },
      "redis.host": { value: "db.example", source: "file" },
      "redis.port": { value: 6380, source: "env" },
      "redis.db": { value: 3, source: "file" },
      "redis.username": { value: null, source: "default" },
      "redis.timeout": { value: 2, source: "default" },
      "store.path": { value: here.root.at("data/tasks.json"), source: "file" },
      "paths.output": { value: here.root.at("audio"), source: "env" },
      "paths.logs": { value: here.root.at("Logs"), source: "default" },
      "cleanup.retention": { value: 7200, source: "file" },
    });
    const table = await here.run("config");
    expect(table.stdout).toMatch(/^redis\.db +3 +file$/m);
    expect(table.stderr).toContain(here.root.at("config.ini"));
  });
});

describe("a misspelt option", () => {
  const WARNING = "config.ini: [cleanup] retension has no effect; did you mean [cleanup] retention?";

  it.each([
    ...["sync", "cleanup --once --dry-run", "delete --all --dry-run", "mark --all --to error --dry-run"],
    ...["cleanup --orphans", "import voice_task.json --dry-run", "verify --repair", "serve --port 0 --host 1.2.3.4"],
  ])("is warned about by %s, once", async (line) => {
    here.root.configure(here.server.port, "[cleanup]\nretension = 30d\n");
    here.root.writeStore([record("alice", "t1")]);
    expect((await here.run(line)).stderr.split(WARNING)).toHaveLength(2);
    for (const look of ["list", "stats", "verify", "export"]) {
      expect((await here.run(look)).stderr).not.toContain("has no effect");
    }
  });
});

describe("a password is never printed", () => {
  const SECRET = "Tr0ub4dor&3";
  const ENCODED = encodeURIComponent(SECRET);

  function expectHidden(run: Run): void {
    for (const text of [run.stdout, run.stderr]) {
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain(ENCODED);
      expect(text).not.toContain("Tr0ub4dor");
    }
  }

  it("by config, in any format and from any level", async () => {
    here.root.write("config.ini", `[redis]\npassword = ${SECRET}\n`);
    for (const format of ["table", "json", "jsonl"]) {
      const run = await here.run(`config -vv -o ${format}`);
      expectHidden(run);
      expect(run.stdout).toContain("***");
    }
    expectHidden(await here.run("config -o json", { env: { REDIS_PASSWORD: SECRET } }));
    const url = await here.run(`config -o json --redis-url redis://user:${ENCODED}@h:1/2?password=${ENCODED}`);
    expectHidden(url);
    here.root.write("config.ini", `[redis]\nurl = redis://user:${ENCODED.replaceAll("%", "%%")}@h:1/2\n`);
    const file = await here.run("config -o json");
    expectHidden(file);
    expect(JSON.parse(file.stdout)["redis.url"].value).toBe("redis://user:***@h:1/2");
    expect(JSON.parse(file.stdout)["redis.password"].value).toBe("***");
  });
});
