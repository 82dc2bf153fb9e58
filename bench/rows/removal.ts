import { copyFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import type { ServiceRoot } from "../../test/helpers/root.ts";
import { expectCounts, expectThat } from "../expect.ts";
import { REDIS_PY } from "../needs.ts";
import { compared, type Peer, type Work } from "../row.ts";
import { EXPIRED_EVERY, LONG_AGO, type Site } from "../site.ts";

const RETENTION = "7d";
export const purge: Work = {
  name: "purge of a tenth, all of it in Redis alone",
  async prepare(site) {
    const root = site.purgedRoot;
    await site.wholeMirror();
    // One task in the file, or it would not be this Redis's; it is not expired.
    const { items } = JSON.parse((await site.ttsctl("list --page-size 1 -o json")).stdout);
    writeFileSync(root.store, JSON.stringify(items));
    utimesSync(root.store, LONG_AGO, LONG_AGO);
  },
  before: (site) => site.mirrorToChange(),
  run: (site) => site.ttsctl(`cleanup --once --retention ${RETENTION} -o json`, site.purgedRoot),
  async check(site, { stdout }) {
    expectCounts(stdout, { candidates: site.expired, purged: site.expired, failed: 0 });
    expectThat((await site.redis.call("ZCARD", "tts:tasks:index")) === site.tasks - site.expired, "the index");
  },
};

function pythonPurge(name: string, ours: Work, flags: readonly string[] = []): Peer {
  return {
    name,
    needs: [REDIS_PY],
    before: ours.before!,
    run: (site) => site.python("bench/peers/purge.py", site.purgedRoot.path, `${site.redis.port}`, ...flags),
    async check(site, { stdout }) {
      const left = (await site.redis.call("ZCARD", "tts:tasks:index")) as number;
      expectThat(Number(stdout) > 0 && left + Number(stdout) === site.tasks, stdout);
      if (flags.length === 0) expectNoArtifacts(site.purgedRoot);
    },
  };
}

/** The store and the artifacts of all expired tasks as they were. */
async function restore(site: Site): Promise<void> {
  const root = site.purgedRoot;
  for (const name of ["output", "Logs"]) {
    root.drop(name);
    await site.run(["cp", "-a", `${site.scratch("artifacts")}/${name}`, root.path]);
  }
  copyFileSync(`${site.scratch("artifacts")}/voice_task.json`, root.store);
  utimesSync(root.store, LONG_AGO, LONG_AGO);
}

/** Every expired task has a folder with a file, and a log. */
function expectNoArtifacts(root: ServiceRoot): void {
  for (const name of ["output", "Logs"]) {
    const left = root.has(name) ? readdirSync(root.at(name), { recursive: true, withFileTypes: true }) : [];
    expectThat(
      left.every((entry) => entry.isDirectory()),
      `${name} is not empty`,
    );
  }
}

/** @param every which of the tasks are expired @param withFiles which of these have audio and a log */
function cleanupOf(name: string, every: number, withFiles: number): Work {
  const isOther = every !== EXPIRED_EVERY;
  const expired = (site: Site) => Math.ceil(site.tasks / every);
  const artifacts = (site: Site) => Math.floor(expired(site) / withFiles);
  return {
    name,
    async prepare(site) {
      await site.makeStore(site.scratch("artifacts"), { artifacts: artifacts(site), "expired-every": every });
    },
    async before(site) {
      await restore(site);
      if (!isOther) return site.mirrorToChange();
      await site.emptyMirror();
      await site.ttsctl("sync -q", site.purgedRoot);
    },
    run: (site) => site.ttsctl(`cleanup --once --retention ${RETENTION} -o json`, site.purgedRoot),
    check(site, { stdout }) {
      expectCounts(stdout, { candidates: expired(site), purged: expired(site), files: 2 * artifacts(site), failed: 0 });
      expectNoArtifacts(site.purgedRoot);
    },
    finish: async (site) => rmSync(site.scratch("artifacts"), { recursive: true, force: true }),
  };
}

export const cleanup = cleanupOf("`cleanup --once` of a tenth, each with audio and log", EXPIRED_EVERY, 1);

export const cleanupFew = cleanupOf("`cleanup --once` of a third, every seventh with audio and log", 3, 7);

const rmAndCopy: Peer = {
  name: "`rm -rf` and `cp`",
  before: restore,
  run: (site) =>
    site.run(["sh", "-c", "rm -rf output/* Logs/* && cp voice_task.json copy.json"], { cwd: site.purgedRoot.path }),
  check: (site) => expectNoArtifacts(site.purgedRoot),
};

const SAME = "Python: redis-py, `rmtree`, `json.dump`";
const inRedis = pythonPurge("Python: pipelines of redis-py", purge, ["--redis-only"]);

export const REMOVAL_ROWS = [
  compared({ id: "purge", target: 1, by: "cpu of both", ours: purge, peer: inRedis }),
  compared({
    id: "cleanup",
    target: 1.3,
    by: "cpu of both",
    ours: cleanup,
    peer: pythonPurge(SAME, cleanup),
    limit: rmAndCopy,
  }),
  compared({
    id: "cleanup-few",
    target: 1.3,
    by: "cpu of both",
    ours: cleanupFew,
    peer: pythonPurge(SAME, cleanupFew),
  }),
];
