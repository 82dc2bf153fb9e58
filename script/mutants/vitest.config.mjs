import { defineConfig } from "vitest/config";
import { BaseSequencer } from "vitest/node";
import { SLOW } from "../../vitest.config.ts";
import { AREA } from "./areas.mjs";

/** Always in one order, those of small parts first: what is broken there fails sooner. */
class ByName extends BaseSequencer {
  sort(files) {
    return files.toSorted((a, b) => (a.moduleId < b.moduleId ? -1 : 1));
  }
}

export default defineConfig({
  test: {
    include: AREA.tests,
    setupFiles: ["script/mutants/setup.mjs"],
    tags: [SLOW],
    tagsFilter: [`!${SLOW.name}`],
    isolate: false,
    testTimeout: 60_000,
    sequence: { sequencer: ByName },
  },
});
