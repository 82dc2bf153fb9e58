import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** Swaps folders for links to other ones, and back, as fast as it can; prints how often. */
const SCRIPT = `
const fs = require("fs");
const pairs = JSON.parse(process.argv[1]);
let times = 0;
let stop = false;
process.stdin.on("data", () => { stop = true; });
const tried = (operation) => { try { operation(); return true; } catch { return false; } };
(function swap() {
  for (let i = 0; i < 200; i++) {
    const [folder, outside] = pairs[times++ % pairs.length];
    // If it was purged, recreate it.
    if (!tried(() => fs.renameSync(folder, folder + ".aside"))) tried(() => fs.mkdirSync(folder + ".aside"));
    if (tried(() => fs.symlinkSync(outside, folder))) fs.unlinkSync(folder);
    tried(() => fs.renameSync(folder + ".aside", folder));
  }
  if (stop) { console.log(times); process.exit(); }
  setImmediate(swap);
})();`;

/** A process that swaps folders for links beside a test. */
export class Swapper {
  readonly #child: ChildProcess;

  /** @param pairs a folder, and where the link that takes its place leads */
  constructor(pairs: readonly (readonly [folder: string, outside: string])[]) {
    this.#child = spawn(process.execPath, ["-e", SCRIPT, JSON.stringify(pairs)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
  }

  /** Stops it, the folders in their places, and returns how often it swapped. */
  async stop(): Promise<number> {
    const ended = once(this.#child, "exit");
    const printed = once(this.#child.stdout!, "data");
    this.#child.stdin!.write("stop\n");
    const [text] = await printed;
    await ended;
    return Number(text);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
