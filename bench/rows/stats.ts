import { rmSync } from "node:fs";
import { expectThat } from "../expect.ts";
import { compared, type Peer, type Work } from "../row.ts";

export const stats: Work = {
  name: "`stats`, a tenth of the tasks with audio and log",
  prepare: (site) => site.makeStore(site.purgedRoot.path, { artifacts: site.expired }),
  run: (site) => site.ttsctl("stats --source file -o json", site.purgedRoot),
  check(site, { stdout }) {
    const { total, disk } = JSON.parse(stdout);
    expectThat(total === site.tasks && disk.audioBytes > 0, stdout);
  },
  async finish({ purgedRoot }) {
    for (const name of ["output", "Logs"]) rmSync(purgedRoot.at(name), { recursive: true, force: true });
  },
};

const listAndDu: Peer = {
  name: "`list` from the file, and `du`",
  run(site) {
    const list = `"${process.execPath}" "${site.binary}" list --source file -o json`;
    return site.run(["sh", "-c", `${list} && du -s output Logs`], { cwd: site.purgedRoot.path });
  },
  check: (_, { stdout }) => expectThat(/\toutput\n\d+\tLogs\n$/.test(stdout), stdout.slice(-200)),
};

export const STATS_ROWS = [compared({ id: "stats", target: 1.5, by: "cpu", ours: stats, peer: listAndDu })];
