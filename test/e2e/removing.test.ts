import { describe, expect, it } from "vitest";
import { invoke } from "../cli/invoke.ts";
import { ago, record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const CLEANUP_KEYS = "expireBefore candidates purged skipped failed returned files bytes dryRun durationMs".split(" ");
const DELETE_KEYS = "requested deleted missing refused failed returned files bytes dryRun".split(" ");
const FAILED = record("bob", "t2", { status: "failed" });

async function fill(): Promise<void> {
  const running = record("alice", "run", { status: "running", updated_at: ago(60) });
  const all = [record("alice", "t1"), record("alice", "with space"), running, FAILED];
  await here.synced(...all);
  here.root.writeArtifacts(all);
}

describe("cleanup --once", () => {
  it("prints the object of docs/contract.md, Commands on stdout and the lines on stderr with -o json", async () => {
    await fill();
    const before = await here.state();
    const dry = await here.run("cleanup --once --dry-run -o json");
    expect(await here.state()).toEqual(before);
    const run = await here.run("cleanup --once -o json");
    const result = JSON.parse(run.stdout);
    expect(Object.keys(result)).toEqual(CLEANUP_KEYS);
    const counts = { candidates: 3, purged: 3, skipped: 0, failed: 0, returned: 0, files: 6, bytes: 330 };
    expect(result).toMatchObject({ ...counts, dryRun: false });
    expect(result.expireBefore).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00$/);
    expect(Date.now() - Date.parse(result.expireBefore)).toBeLessThan(7 * 86_400_000 + 60_000);
    const atNoTime = { expireBefore: 0, durationMs: 0 };
    expect({ ...JSON.parse(dry.stdout), dryRun: false, ...atNoTime }).toEqual({ ...result, ...atNoTime });
    for (const { stderr } of [dry, run])
      expect(lines(stderr).every((line) => line.startsWith("[CLEANUP] user="))).toBe(true);
    expect(lines(run.stderr)).toHaveLength(3);
  });

  it("makes room by max_bytes and keeps by keep_last, of config.ini or the flags", async () => {
    const tasks = ["t1", "t2", "t3"].map((task, i) => record("alice", task, { updated_at: ago(9000 - i) }));
    here.root.writeStore(tasks);
    here.root.writeArtifacts(tasks);
    here.root.configure(here.server.port, "[cleanup]\nmax_bytes = 0.2kB\nkeep_last = 2\n");
    const dry = await here.run("cleanup --once --dry-run");
    expect(lines(dry.stdout)[0]).toBe(
      "[CLEANUP] user=alice task=t1 reason=max-bytes local=yes redis=no files=2 bytes=110 dry-run=yes",
    );
    expect(lines(dry.stdout)[1]).toContain(" purged=1 ");
    expect(dry.stderr).toContain("220 bytes, more than max_bytes (200 bytes)");
    here.root.writeStore([...tasks, record("alice", "expired")]);
    const run = await here.json("cleanup --once --keep-last 0 --max-bytes 150");
    expect(run).toMatchObject({ exit: 0, purged: 3, purgedForSpace: 2, finishedBytes: 330, bytes: 220 });
    expect(here.root.readStore().map(({ task_id }) => task_id)).toEqual(["t3"]);
    const wrong = await here.run("cleanup --once --max-bytes 20G");
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("10GiB")]);
  });

  it("backs up every purged record as a line", async () => {
    await fill();
    await here.run("cleanup --once --backup kept.jsonl");
    const kept = lines(here.root.tree()["kept.jsonl"]!).map((line) => JSON.parse(line));
    expect(kept).toEqual([record("alice", "t1"), record("alice", "with space"), FAILED]);
    const store = await here.run("cleanup --once --backup voice_task.json");
    expect(store.code).toBe(2);
  });

  it("backs up the newer copy of a task, which Redis has", async () => {
    const [older, newer] = [10, 9].map((days) =>
      record("alice", "t1", { text: `${days}`, updated_at: ago(days * 86_400) }),
    );
    here.root.writeStore([older!]);
    await here.mirrored(newer!);
    expect(await here.run("cleanup --once --backup kept.jsonl")).toMatchObject({ code: 0 });
    expect(JSON.parse(lines(here.root.tree()["kept.jsonl"]!).at(-1)!)).toEqual(newer);
  });

  it("prints a line a task and a summary", async () => {
    await fill();
    const run = await here.run("cleanup --once");
    expect(run).toMatchObject({ code: 0, stderr: "" });
    const printed = lines(run.stdout);
    expect(printed.slice(0, 3).sort()).toEqual([
      '[CLEANUP] user=alice task="with space" reason=expired local=yes redis=yes files=2 bytes=110',
      "[CLEANUP] user=alice task=t1 reason=expired local=yes redis=yes files=2 bytes=110",
      "[CLEANUP] user=bob task=t2 reason=expired local=yes redis=yes files=2 bytes=110",
    ]);
    expect(printed[3]).toMatch(
      /^\[CLEANUP\] pass expire-before=\S+ candidates=3 purged=3 skipped=0 failed=0 returned=0 stuck=0 files=6 bytes=330 .*in \d+ ms$/,
    );
    expect(printed).toHaveLength(4);
    expect(here.root.readStore().map(({ task_id }) => task_id)).toEqual(["run"]);
    for (const [flags, last] of [
      [[], /^3 of 3 candidates purged, 6 files, 330 bytes, in .+$/],
      [["-v"], /^\[CLEANUP\] pass /],
    ] as const) {
      await fill();
      const shown = await invoke(["cleanup", "--once", ...flags], { cwd: here.root.path, terminal: { columns: 80 } });
      expect(lines(shown.stdout).at(-1)).toMatch(last);
    }
  });
});

it("delete prints the object of docs/contract.md, Commands", async () => {
  await fill();
  const dry = await here.run("rm --user alice --ids t1,run,none --dry-run --max-delete 5 -o json");
  expect(dry.code).toBe(3);
  const run = await here.run("delete --user alice --ids t1,run,none --yes -o json");
  expect(run.code).toBe(3);
  const result = JSON.parse(run.stdout);
  expect(Object.keys(result)).toEqual(DELETE_KEYS);
  expect(result).toEqual({
    ...{ requested: 3, deleted: 1, missing: ["none"], failed: 0, returned: 0, files: 2, bytes: 110, dryRun: false },
    refused: [{ user_id: "alice", task_id: "run", reason: expect.stringMatching(/status is run/), unfinished: true }],
  });
  expect(JSON.parse(dry.stdout)).toEqual({ ...result, dryRun: true, byStatus: { done: 1 } });
  expect(lines(run.stderr)).toContain(
    "[CLEANUP] user=alice task=t1 reason=deleted local=yes redis=yes files=2 bytes=110",
  );
  expect(here.root.has("output/alice/run/run.wav")).toBe(true);
});
