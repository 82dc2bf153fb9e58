import { rmSync } from "node:fs";
import { expectThat } from "../expect.ts";
import type { Work } from "../row.ts";

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
