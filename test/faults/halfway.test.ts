import { describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { lines } from "../helpers/ttsctl.ts";
import { lay, OLD, WRITING } from "./helpers/cases.ts";
import { runFaulty } from "./helpers/disk.ts";
import { everything, exactly, sorted } from "./helpers/stores.ts";
import { triedFault } from "./helpers/tally.ts";

const here = usePlace();
const REMOVING = WRITING.filter(({ line }) => /^(cleanup|delete) /.test(line));

describe("row B, a pass that fails halfway", () => {
  it.each(REMOVING)("$line: removed tasks are printed, and the next run finishes", async ({ line, after }) => {
    await lay(here);
    const fault = { act: "EIO", on: "store" } as const;
    const { steps } = await runFaulty(here, line, { ...fault, at: -1 });
    const before = await lay(here);
    const run = await runFaulty(here, line, { ...fault, at: steps.indexOf("sync") });
    triedFault();
    expect(run.code, run.stderr).toBe(1);
    expect(run.stderr).toContain('"code":"STORE_WRITE_FAILED"');
    expect(here.root.storeText()).toBe(before);
    const gone = OLD.filter((task) => !after.includes(task));
    const printed = lines(run.stderr).filter((text) => text.startsWith("[CLEANUP]"));
    for (const { user_id, task_id } of gone) {
      expect(printed.filter((text) => text.startsWith(`[CLEANUP] user=${user_id} task=${task_id} `))).toEqual([
        expect.stringContaining(" local=no redis=yes files=2 bytes=110"),
      ]);
    }
    expect(printed).toHaveLength(gone.length);
    expect(JSON.parse(run.stdout)).toMatchObject({ failed: gone.length, files: 2 * gone.length });
    expect([0, 3]).toContain((await here.run(line)).code);
    expect(sorted(await everything(here))).toEqual(exactly(after));
  });
});
