import { copyFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import type { ServiceRoot } from "../../test/helpers/root.ts";
import { expectCounts, expectThat } from "../expect.ts";
import { compared, type Peer, type Work } from "../row.ts";
import { LONG_AGO, type Site } from "../site.ts";

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

const bullmq: Peer = {
  name: "BullMQ `queue.clean` of as many of as many jobs",
  needs: ["bench/node_modules/bullmq"],
  async prepare(site) {
    await site.peerRedis.call("FLUSHALL");
    await site.bullmq("fill", site.tasks);
    await site.peerRedis.call("SAVE");
  },
  before: async (site) => void (await site.peerRedis.call("DEBUG", "RELOAD", "NOSAVE")),
  run: (site) => site.bullmq("clean", site.expired),
  async check(site, { stdout }) {
    expectThat(stdout === `${site.expired}\n`, stdout);
    expectThat((await site.peerRedis.call("ZCARD", "bull:tasks:completed")) === site.tasks - site.expired, "the queue");
  },
};

/** The store and the artifacts of all expired tasks as they were. */
async function restore(site: Site): Promise<void> {
  const root = site.purgedRoot;
  for (const name of ["output", "Logs"]) {
    root.drop(name);
    await site.run(["cp", "-a", `${site.scratch("artifacts")}/${name}`, root.path]);
  }
  copyFileSync(site.root.store, root.store);
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

/** @param withFiles how many of the expired tasks have audio and a log */
function cleanupOf(name: string, withFiles: (expired: number) => number): Work {
  return {
    name,
    async prepare(site) {
      await site.makeStore(site.scratch("artifacts"), { artifacts: withFiles(site.expired) });
    },
    async before(site) {
      await site.mirrorToChange();
      await restore(site);
    },
    run: (site) => site.ttsctl(`cleanup --once --retention ${RETENTION} -o json`, site.purgedRoot),
    check(site, { stdout }) {
      const files = 2 * withFiles(site.expired);
      expectCounts(stdout, { candidates: site.expired, purged: site.expired, files, failed: 0 });
      expectNoArtifacts(site.purgedRoot);
    },
    finish: async (site) => rmSync(site.scratch("artifacts"), { recursive: true, force: true }),
  };
}

export const cleanup = cleanupOf("`cleanup --once` of a tenth, each with audio and log", (expired) => expired);

export const cleanupFew = cleanupOf("`cleanup --once` of a tenth, every seventh with audio and log", (expired) =>
  Math.floor(expired / 7),
);

const rmAndCopy: Peer = {
  name: "`rm -rf` of the same files and `cp` of the store",
  before: restore,
  run: (site) =>
    site.run(["sh", "-c", "rm -rf output/* Logs/* && cp voice_task.json copy.json"], { cwd: site.purgedRoot.path }),
  check: (site) => expectNoArtifacts(site.purgedRoot),
};

export const REMOVAL_ROWS = [
  compared({ id: "purge", target: 0.8, ours: purge, peer: bullmq }),
  compared({ id: "cleanup", target: 2, ours: cleanup, peer: rmAndCopy }),
];
