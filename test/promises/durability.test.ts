import { describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { builtLibrary } from "../faults/helpers/program.ts";
import { lacks } from "../helpers/lacks.ts";
import { ago, record } from "../helpers/records.ts";
import { binary, built } from "../helpers/ttsctl.ts";
import { traced } from "./trace.ts";

const here = usePlace();
const OLD = [record("alice", "t1"), record("alice", "t2")];
const YOUNG = record("bob", "t3", { updated_at: ago(3600) });
const ALL = [...OLD, YOUNG];

describe.skipIf(lacks("strace"))("what later steps rely on is on the disk", () => {
  /** Both stores have all tasks, with audio; backup and ledger have directories of their own. */
  async function lay(text = JSON.stringify(ALL)): Promise<void> {
    const { root, server } = here;
    root.configure(server.port, "[audit]\npath = audit/ledger.jsonl\n");
    for (const folder of ["audit", "saved"]) root.write(`${folder}/other`, "");
    root.write("voice_task.json", text, 1_600_000_000);
    root.write(
      "in.jsonl",
      [...OLD, record("carol", "t4", { updated_at: ago(3600) })].map((task) => `${JSON.stringify(task)}\n`).join(""),
    );
    root.writeArtifacts(ALL);
    await here.mirrored(...ALL, record("dave", "t5"));
  }

  const run = (line: string) => traced([binary(), ...line.split(" ")], here.root.path, here.server.port);

  it.each([
    ["cleanup --once --retention 1d --backup saved/purged.jsonl", { backup: 3 }],
    ["delete --user alice --yes --backup saved/purged.jsonl", { backup: 2 }],
    ["mark --to failed --user alice --yes --backup saved/marked.jsonl", { backup: 2 }],
    ["import in.jsonl --yes", { backup: 0 }],
    ["verify --repair --restore", { backup: 0 }],
  ])("%s: backup, ledger, new content and new name", async (line, { backup }) => {
    await lay();
    const { code, stderr, risks, count } = await run(line);
    expect([code, stderr]).toEqual([0, ""]);
    expect(risks).toEqual([]);
    expect(count("name", /voice_task\.json$/)).toBe(1);
    expect(count("write", /ledger\.jsonl$/)).toBeGreaterThan(2);
    if (backup > 0) expect(here.root.tree()[line.split(" ").at(-1)!]?.trim().split("\n")).toHaveLength(backup);
  });

  it("a file that an import makes, and an export", async () => {
    await lay();
    here.root.drop("voice_task.json");
    const made = await run("import in.jsonl --yes");
    expect([made.code, made.risks, made.count("name", /voice_task\.json$/)]).toEqual([0, [], 1]);
    const exported = await run("export --to saved/all.jsonl");
    expect([exported.code, exported.risks, exported.count("name", /all\.jsonl$/)]).toEqual([0, [], 1]);
  });

  it.each([
    ["an array", JSON.stringify(ALL), 2],
    ["JSON Lines with an unfinished one", `${JSON.stringify(OLD[0])}\n{"user_id": "al`, 0],
  ])("the library's upsert and deletion before they resolve: %s", async (_, text, rewrites) => {
    await lay(text);
    const { code, stderr, risks, count } = await traced(
      ["--input-type=module", "-e", PROGRAM, builtLibrary(), here.root.store, here.server.url],
      here.root.path,
      here.server.port,
    );
    expect([code, stderr, risks]).toEqual([0, "", []]);
    expect(count("name", /voice_task\.json$/)).toBe(rewrites);
    expect(count("write", /voice_task\.json$/)).toBe(rewrites === 0 ? 2 : 0);
    // Once more for the list of deletions that Redis doesn't have yet.
    expect(count("sync", new RegExp(`^${here.root.path}$`))).toBe(rewrites === 0 ? 2 : 3);
  });
});

it("no task goes whose record didn't fit into the backup", async () => {
  const { root, server } = here;
  root.writeStore([YOUNG]);
  await here.mirrored(YOUNG, ...["t1", "t2", "t3", "t4"].map((id) => record("alice", id)));
  const before = await server.dump();
  // Its first write is cut short, its second one fails.
  const line = "delete --user alice --yes --backup purged.jsonl -o json";
  const { code, stderr } = await built(line.split(" "), { cwd: root.path, fileSize: 700 });
  expect([code, JSON.parse(stderr).code, await server.dump()]).toEqual([1, "BACKUP_FAILED", before]);
});

const PROGRAM = `
const [library, store, redis] = process.argv.slice(1);
const { openTaskStore } = await import(library);
const { writeSync } = await import("node:fs");
const tasks = await openTaskStore({ store, redis, timezone: "UTC" });
const { state } = await tasks.upsert({ user_id: "alice", task_id: "t9", status: "queued", updated_at: ${Date.now() / 1000} });
writeSync(1, state);
writeSync(1, (await tasks.delete("alice", "t1")).state);
await tasks.close();
`;
