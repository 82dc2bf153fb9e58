import { expect, it } from "vitest";
import { SETTING_NAMES } from "../../src/config/settings.ts";
import { record } from "../helpers/records.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();

it("config prints the value and the source of every setting", async () => {
  const ini = "[redis]\nhost = db.example\ndb = 3\n[cleanup]\nretention = 2h\n[store]\npath = data/tasks.json\n";
  here.root.write("config.ini", ini);
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
});

const WARNING = "config.ini: [cleanup] retension has no effect; did you mean [cleanup] retention?";

it.each([
  ...["sync", "cleanup --once --dry-run", "delete --all --dry-run", "mark --all --to error --dry-run"],
  ...["cleanup --orphans", "import voice_task.json --dry-run", "verify --repair", "serve --port 0 --host 1.2.3.4"],
])("a misspelt option is warned of by %s, once", async (line) => {
  here.root.configure(here.server.port, "[cleanup]\nretension = 30d\n");
  here.root.writeStore([record("alice", "t1")]);
  expect((await here.run(line)).stderr.split(WARNING)).toHaveLength(2);
  for (const look of ["list", "stats", "verify", "export"]) {
    expect((await here.run(look)).stderr).not.toContain("has no effect");
  }
});

it("a password is never printed by config, in any format and from any level", async () => {
  const SECRET = "Tr0ub4dor&3";
  const ENCODED = encodeURIComponent(SECRET);
  const url = `redis://user:${ENCODED}@h:1/2`;
  for (const [file, line, env] of [
    [`password = ${SECRET}`, "config -vv", {}],
    [`password = ${SECRET}`, "config -vv -o jsonl", {}],
    ["", "config -o json", { REDIS_PASSWORD: SECRET }],
    ["", `config -o json --redis-url ${url}?password=${ENCODED}`, {}],
    [`url = ${url.replaceAll("%", "%%")}`, "config -o json", {}],
  ] as const) {
    here.root.write("config.ini", `[redis]\n${file}\n`);
    const { stdout, stderr } = await here.run(line, { env });
    expect(stdout).toContain("***");
    expect(stdout + stderr).not.toContain("Tr0ub4dor");
  }
  const hidden = { "redis.url": { value: "redis://user:***@h:1/2" }, "redis.password": { value: "***" } };
  expect(await here.json("config")).toMatchObject(hidden);
});
