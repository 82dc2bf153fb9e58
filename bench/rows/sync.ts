import { changeHundredth } from "../change.ts";
import { expectCounts, expectThat } from "../expect.ts";
import { REDIS_PY } from "../needs.ts";
import { compared, type Peer, type Work } from "../row.ts";
import type { Site } from "../site.ts";

/** Everything in Redis as one text, the marks of a sync left out. */
async function digest(site: Site): Promise<string> {
  await site.redis.call("DEL", "tts:ttsctl:synced", "tts:ttsctl:syncing", "tts:ttsctl:counted");
  return (await site.redis.call("DEBUG", "DIGEST")) as string;
}

/** The sync and the ready-made commands must leave the same keys with the same content. */
async function expectSameMirror(site: Site): Promise<void> {
  site.expectSame("the mirror", await digest(site));
}

export const firstSync: Work = {
  name: "`sync` into an empty Redis",
  before: (site) => site.emptyMirror(),
  run: (site) => site.ttsctl("sync -o json"),
  async check(site, { stdout }) {
    expectCounts(stdout, { total: site.tasks, written: site.tasks, failed: 0 });
    await expectSameMirror(site);
  },
};

const pythonSync: Peer = {
  name: "Python: `json.load`, pipelines of redis-py",
  needs: [REDIS_PY],
  before: (site) => site.emptyMirror(),
  run: (site) => site.python("bench/peers/sync.py", site.root.store, `${site.redis.port}`),
  async check(site, { stdout }) {
    expectThat(stdout === `${site.tasks}\n`, stdout);
    await expectSameMirror(site);
  },
};

/** The commands are ready-made: what Redis itself takes. */
export const pipe: Peer = {
  name: "`redis-cli --pipe`, three ready-made commands a task",
  prepare: (site) => site.writeCommands(),
  before: (site) => site.emptyMirror(),
  run: (site) => site.redisCli(["--pipe"], site.commands),
  async check(site, { stdout }) {
    expectThat(stdout.includes(`errors: 0, replies: ${3 * site.tasks}`), stdout);
    await expectSameMirror(site);
  },
};

export const syncAgain: Work = {
  name: "`sync` again, nothing changed",
  before: (site) => site.wholeMirror(),
  run: (site) => site.ttsctl("sync -o json"),
  check: (site, { stdout }) => expectCounts(stdout, { total: site.tasks, unchanged: site.tasks, written: 0 }),
};

export const syncChanged: Work = {
  name: "`sync` after 1% changed",
  prepare: (site) => changeHundredth(site.root.store, site.scratch("changed.json")),
  before: (site) => site.mirrorToChange(),
  run: (site) => site.ttsctl(`sync -o json --store ${site.scratch("changed.json")}`),
  check(site, { stdout }) {
    const written = Math.ceil(site.tasks / 100);
    expectCounts(stdout, { total: site.tasks, written, unchanged: site.tasks - written });
  },
};

export const verify: Work = {
  name: "`verify` of two stores in sync",
  before: (site) => site.wholeMirror(),
  run: (site) => site.ttsctl("verify -o json"),
  check: (site, { stdout }) => expectCounts(stdout, { checked: site.tasks, inSync: site.tasks }),
};

export const repairIndex: Work = {
  name: "`verify --repair` of a lost global index",
  async before(site) {
    await site.mirrorToChange();
    await site.redis.call("DEL", "tts:tasks:index");
  },
  run: (site) => site.ttsctl("verify --repair -o json"),
  async check(site, { stdout }) {
    expectCounts(stdout, { unindexed: site.tasks, repaired: site.tasks });
    await expectSameMirror(site);
  },
};

const itself = { name: "the first sync", sameRow: "sync" };

export const SYNC_ROWS = [
  compared({ id: "sync", target: 0.6, by: "cpu of both", ours: firstSync, peer: pythonSync, limit: pipe }),
  compared({ id: "sync-again", target: 0.4, by: "cpu of both", ours: syncAgain, peer: itself }),
  compared({ id: "sync-changed", target: 0.5, by: "cpu of both", ours: syncChanged, peer: itself }),
  compared({ id: "repair", target: 1.2, by: "cpu of both", ours: repairIndex, peer: itself }),
];
