// Runs a loop of each command beside a simulated live service, and counts the service's writes that were undone:
//
//     node script/live-matrix.mjs [--seconds N] [--seeds N] [--jobs N] [--only WORD,...]
//
// A combination is a command (none: the service alone), its times (micro, whole), the shape of the file (array, map, jsonl,
// append) and the layout (plain, api_ms, api_ms_v3: Redis is flushed once, and synced). --only takes those that have all of the words. TTSCTL_SEED is the first seed.
// Exit 1 if anything was reverted, back or lost, or a command failed.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const root = new URL("..", import.meta.url).pathname;
const number = (fallback) => ({ type: "string", default: `${fallback}` });
const options = { seconds: number(40), seeds: number(5), jobs: number(2), only: { type: "string", default: "" } };
const { values } = parseArgs({ options });
const folder = mkdtempSync(join(tmpdir(), "ttsctl-matrix-"));
const rows = join(folder, "rows.jsonl");
const only = values.only.split(/[\s,]+/).filter((word) => word !== "");
const plan = JSON.stringify({ seconds: Number(values.seconds), seeds: Number(values.seeds), only, rows });

const vitest = [join(root, "node_modules/vitest/vitest.mjs"), "run", `--maxConcurrency=${values.jobs}`];
const { status } = spawnSync(
  process.execPath,
  [...vitest, "--testTimeout=3600000", "test/faults/live-matrix.test.ts"],
  {
    ...{ cwd: root, stdio: "inherit", env: { TTSCTL_SEED: "1", ...process.env, TTSCTL_LIVE_MATRIX: plan } },
  },
);
const found = existsSync(rows)
  ? readFileSync(rows, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
  : [];
rmSync(folder, { recursive: true, force: true });

const COLUMNS = ["tasks", "passes", "reverted", "back", "lost", "failures"];
const line = (first, others) => console.log(first.padEnd(36), ...others.map((text) => `${text}`.padStart(9)));
line("combination", COLUMNS);
for (const row of found.sort((a, b) => a.title.localeCompare(b.title)))
  line(
    row.title,
    COLUMNS.map((name) => row[name]),
  );
process.exitCode = status === 0 && found.length > 0 ? 0 : 1;
