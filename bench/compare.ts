import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { compared, type Row, type Work } from "./row.ts";
import { listFile, query } from "./rows/read.ts";
import { cleanup, cleanupFew, purge } from "./rows/removal.ts";
import { servePage } from "./rows/serve.ts";
import { page, version } from "./rows/start.ts";
import { stats } from "./rows/stats.ts";
import { firstSync, repairIndex, syncAgain, syncChanged, verify } from "./rows/sync.ts";
import type { Place } from "./site.ts";

const WORKS: Readonly<Record<string, { readonly work: Work; readonly times?: number }>> = {
  version: { work: version, times: 10 },
  page: { work: page, times: 10 },
  "list-file": { work: listFile },
  query: { work: query },
  sync: { work: firstSync },
  "sync-again": { work: syncAgain },
  "sync-changed": { work: syncChanged },
  verify: { work: verify },
  repair: { work: repairIndex },
  purge: { work: purge },
  cleanup: { work: cleanup },
  "cleanup-few": { work: cleanupFew },
  stats: { work: stats },
};

/** The allowed increase of a row's cost. */
const TARGET = 1.05;

/** The rows that compare this code with a build of another revision. */
export function compareRows(revision: string, binary: string): Row[] {
  const name = `the same at ${revision}`;
  const rows = Object.entries(WORKS).map(([id, { work, times = 1 }]) =>
    compared({ id, target: TARGET, times, by: "cpu", ours: work, peer: { ...runBy(binary, work), name } }),
  );
  const serve = { ours: servePage(), peer: { ...servePage(binary), name } };
  return [...rows, compared({ id: "serve", target: TARGET, times: 3, by: "cpu", ...serve })];
}

function runBy(binary: string, work: Work): Work {
  return {
    ...work,
    async run(site) {
      const ours = site.binary;
      site.binary = binary;
      try {
        return await work.run(site);
      } finally {
        site.binary = ours;
      }
    },
  };
}

/** Checks out a revision beside this code, builds it, and removes it after the measurement. */
export async function withRevision<T>(place: Place, revision: string, measure: (binary: string) => Promise<T>) {
  const { project } = place;
  const folder = join(place.scratch, "revision");
  const run = (cwd: string, ...argv: string[]) =>
    execFileSync(argv[0]!, argv.slice(1), { cwd, stdio: ["ignore", "ignore", "inherit"] });
  run(project, "git", "worktree", "add", "--detach", folder, revision);
  try {
    const lock = (root: string) => readFileSync(join(root, "package-lock.json"), "utf8");
    if (lock(folder) === lock(project)) symlinkSync(join(project, "node_modules"), join(folder, "node_modules"));
    else run(folder, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error");
    run(folder, process.execPath, "script/build.mjs");
    return await measure(join(folder, "bin/ttsctl"));
  } finally {
    if (existsSync(folder)) run(project, "git", "worktree", "remove", "--force", folder);
  }
}
