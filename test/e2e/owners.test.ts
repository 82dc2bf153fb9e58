import { utimesSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { record } from "../helpers/records.ts";
import { useServer } from "../http/setup.ts";

const here = useServer();
const NOW = Math.floor(Date.now() / 1000);
const OLD = 1_600_000_000;

type Way = "raw" | "encoded" | "quoted" | "percent";

/** Ids, and their names as the versions of the published service write them: `percent` where it isn't `quoted`. */
const IDS: readonly [user: string, task: string, encoded: string, quoted: string, percent?: string][] = [
  ["u", "t1", "u/t1", "u/t1"],
  ["u", "a b", "u/a_b", "u/a+b", "u/a%20b"],
  ["u", "a:b", "u/a_b", "u/a%3Ab"],
  ["u", "a+b", "u/a_b", "u/a%2Bb"],
  ["u", "a.b", "u/a_b", "u/a.b"],
  ["u", "100%", "u/100_", "u/100%25"],
  ["u", "%41", "u/_41", "u/%2541"],
  ["u", "第一章", "u/%E7%AC%AC%E4%B8%80%E7%AB%A0", "u/%E7%AC%AC%E4%B8%80%E7%AB%A0"],
  ["u", "第1章", "u/_1_", "u/%E7%AC%AC1%E7%AB%A0"],
  ["u", "🙂x", "u/_x", "u/%F0%9F%99%82x"],
  ["u", "e\u0301", "u/e_", "u/e%CC%81"],
  ["u", "-rf", "u/-rf", "u/-rf"],
  ["u", "~x", "u/_x", "u/~x"],
  ["u", "x/y", "u/x_y", "u/x%2Fy"],
  ["u", "x/z/w", "u/x_z_w", "u/x%2Fz%2Fw"],
  ["u", "a'\"b", "u/a__b", "u/a%27%22b"],
  ["org/team", "t9", "org_team/t9", "org%2Fteam/t9"],
  ["a b", "t10", "a_b/t10", "a+b/t10", "a%20b/t10"],
  ["张 三", "第", "%E5%BC%A0+%E4%B8%89/%E7%AC%AC", "%E5%BC%A0+%E4%B8%89/%E7%AC%AC", "%E5%BC%A0%20%E4%B8%89/%E7%AC%AC"],
  ["T", "T1", "T/T1", "T/T1"],
];

function wayOf([user, task, encoded, quoted, percent = quoted]: (typeof IDS)[number], way: Way): string {
  return `output/${{ raw: `${user}/${task}`, encoded, quoted, percent }[way]}`;
}

async function lay(layout: string, way: Way, status: string): Promise<void> {
  here.root.write("config.ini", `[redis]\nport = ${here.server.port}\nlayout = ${layout}\n[service]\ntimezone = UTC\n`);
  const time = status === "running" ? NOW : OLD;
  here.root.writeStore(IDS.map(([user, task]) => record(user, task, { status, created_at: OLD, updated_at: time })));
  for (const ids of IDS) {
    const path = wayOf(ids, way);
    here.root.write(`${path}/${path.split("/").at(-1)}.wav`, "x");
  }
  here.root.age();
  expect((await here.run("sync")).code).toBe(0);
}

describe.each(["plain", "api_ms", "api_ms_v3"])("artifacts in the layout %s", (layout) => {
  const ways: Way[] = ["raw", "encoded", "quoted", "percent"];
  const isPlain = layout === "plain";
  const raw = new Set(IDS.map((ids) => wayOf(ids, "raw")));
  const owned = (way: Way) => IDS.filter((ids) => !isPlain || wayOf(ids, way) === wayOf(ids, "raw"));
  /** Another task may have that name as it is. */
  const ownedPaths = (way: Way) => new Set([...paths(IDS, way)].filter((path) => !isPlain || raw.has(path)));
  const paths = (some: readonly (typeof IDS)[number][], way: Way) => new Set(some.map((ids) => wayOf(ids, way)));
  const there = (way: Way) => new Set([...paths(IDS, way)].filter((path) => here.root.has(path)));

  it.each(ways)("named %s: --orphans keeps those of records, and the page and get find them", async (way) => {
    await lay(layout, way, "running");
    const run = await here.run("cleanup --orphans --yes --max-delete 100% -o json");
    expect([0, 3], run.stderr).toContain(run.code);
    expect(there(way)).toEqual(ownedPaths(way));
    const server = await here.serve("--read-only --no-sync");
    for (const ids of owned(way)) {
      const [user, task] = ids;
      const query = new URLSearchParams({ user_id: user, task_id: task });
      type Files = { files: { path: string; url: string }[] };
      const { files } = (await server.json(`/voice-task/files?${query}`)) as Files;
      const own = files.filter(({ path }) => path.startsWith(`${wayOf(ids, way)}/`));
      expect(own, `${user}:${task}`).toHaveLength(1);
      for (const { url } of files) expect((await server.fetch(`/${url}`)).status, url).toBe(200);
    }
    const [user, task] = IDS[13]!;
    expect((await here.json(["get", user, task])).artifacts).toHaveLength(owned(way).includes(IDS[13]!) ? 1 : 0);
  });

  it.each(ways)("named %s: a purge or deletion removes those of its tasks, and never a nested one", async (way) => {
    await lay(layout, way, "succeeded");
    const command = way === "raw" || way === "quoted" ? "cleanup --once" : "delete --all --yes";
    const run = await here.run(`${command} -o json`);
    expect(run.code, run.stderr).toBe(0);
    const isNested = (path: string) => path.split("/").length > 3;
    const kept = [...paths(IDS, way)].filter((path) => isNested(path) || !ownedPaths(way).has(path));
    expect(there(way)).toEqual(new Set(kept));
    expect(here.root.readStore()).toEqual([]);
  });
});

describe("a directory that another record owns too", () => {
  const kept = (user: string, task: string, more = {}) =>
    record(user, task, { status: "running", updated_at: NOW, ...more });
  const lost = "output/org/team/lost.wav";

  async function purge(...records: ReturnType<typeof record>[]): Promise<string> {
    here.root.writeStore(records);
    here.root.write(lost, "x");
    here.root.age();
    expect((await here.run("sync")).code).toBe(0);
    const { code, stderr } = await here.run("cleanup --once");
    expect(code, stderr).toBe(0);
    expect(here.root.readStore().map(({ task_id }) => task_id)).not.toContain("team");
    return stderr;
  }

  it("is above the nested one of a kept task: it is kept, with a warning", async () => {
    const nested = "output/org/team/t9/t9.wav";
    here.root.write(nested, "x");
    expect(await purge(record("org", "team"), kept("org/team", "t9"))).toContain("other tasks share them");
    expect([here.root.has(nested), here.root.has(lost)]).toEqual([true, true]);
  });

  it.each([
    ["path in a container", { result_path: "/app/output/org/team/t9.wav" }],
    ["relative path", { result_path: "output/org/team/t9.wav" }],
    ["URL", { result_url: "https://tts.example/output/org/team/t9.wav?x=1" }],
    ["percent-encoded URL", { result_url: "/output/%6Frg/te%61m/t9.wav" }],
    ["second path", { result_path: "output/alice/t9/t9.wav", result_url: "output/org/team/t9.wav" }],
    ["path that leaves the directory", { result_path: "output/alice/t9/../../org/team/t9.wav" }],
    ["URL that leaves the directory", { result_url: "/output/alice/t9/%2e%2e/%2e%2e/org/team/t9.wav" }],
  ])("has the result of a kept task, by a %s: it is kept, get finds it, and --orphans keeps it", async (_, result) => {
    await purge(record("org", "team"), kept("alice", "t9", result));
    const orphans = await here.run("cleanup --orphans --yes --max-delete 100%");
    expect([orphans.code, here.root.has(lost)], orphans.stderr).toEqual([0, true]);
    expect((await here.json("get alice t9")).artifacts).toEqual([{ path: lost, bytes: 1, damaged: true }]);
  });

  it("has the result of a purged task: that adds nothing to its removal", async () => {
    here.root.write("output/alice/other/x.wav", "x");
    await purge(record("org", "team"), record("alice", "t9", { result_path: "output/alice/other/x.wav" }));
    expect([here.root.has(lost), here.root.has("output/alice/other/x.wav")]).toEqual([false, true]);
  });

  it("has the result of a task that only Redis has", async () => {
    await here.mirrored(kept("alice", "t9", { result_path: "output/org/team/t9.wav" }));
    await purge(record("org", "team"));
    expect(here.root.has(lost)).toBe(true);
  });
});

it("[paths] shared = true lets --orphans only list, and doctor names it", async () => {
  here.root.configure(here.server.port, "[paths]\nshared = true\n");
  here.root.writeStore([record("alice", "t1", { status: "running", updated_at: NOW })]);
  here.root.write("output/bob/t2/t2.wav", "another service's");
  here.root.age();
  expect((await here.run("sync")).code).toBe(0);
  const stderr = expect.stringContaining("[paths] shared");
  expect(await here.run("cleanup --orphans --yes")).toMatchObject({ code: 2, stderr });
  expect(await here.json("cleanup --orphans")).toMatchObject({ folders: 1, removed: 0, dryRun: true, exit: 0 });
  expect(here.root.has("output/bob/t2/t2.wav")).toBe(true);
  const { checks } = await here.json("doctor");
  expect(checks.find(({ check }: { check: string }) => check === "output").detail).toContain("shared");
});

it.each([
  ["a b", ["a_b", "a+b", "a b", "a%20b"]],
  ["第一章", ["第一章", "%E7%AC%AC%E4%B8%80%E7%AB%A0"]],
])("a directory with a newer file keeps the task %j with all its directories", async (task, names) => {
  here.root.write("config.ini", `[redis]\nport = ${here.server.port}\nlayout = api_ms\n[service]\ntimezone = UTC\n`);
  here.root.writeStore([record("u", task, { created_at: OLD, updated_at: OLD })]);
  const files = names.map((name) => `output/u/${name}/a.wav`);
  for (const newer of files) {
    for (const file of files) here.root.write(file, "x");
    here.root.age();
    utimesSync(here.root.at(newer), NOW + 3600, NOW + 3600);
    expect(await here.json("cleanup --once")).toMatchObject({ purged: 0, skipped: 1 });
    expect(files.filter((file) => !here.root.has(file))).toEqual([]);
  }
});
