import { spawn } from "node:child_process";
import { once } from "node:events";
import { Output } from "./io.ts";
import type { Terminal } from "./terminal.ts";

/** Where a long text goes. */
export interface Paged {
  readonly out: Output;
  /** Waits until the reader has had enough. */
  end(): Promise<void>;
}

/**
 * A pager for a text of so many lines, where somebody reads it on a terminal that it does not fit; else stdout. A pager
 * that is missing, ends early or fails changes nothing about the command. While it runs Ctrl-C is its own.
 */
export async function openPager(terminal: Terminal, lines: number): Promise<Paged> {
  const words = lines >= (terminal.outStream.rows || Number.POSITIVE_INFINITY) ? terminal.pager() : null;
  if (words === null) return { out: terminal.out, end: async () => {} };
  const giveBack = terminal.lend();
  const child = spawn(words[0]!, words.slice(1), { stdio: ["pipe", "inherit", "inherit"] });
  const closed = once(child, "close").catch(() => {});
  const ignore = () => {};
  process.on("SIGINT", ignore);
  const started = await once(child, "spawn").then(
    () => true,
    () => false,
  );
  if (!started) {
    process.off("SIGINT", ignore);
    await giveBack();
    return { out: terminal.out, end: async () => {} };
  }
  const end = async () => {
    child.stdin.end();
    await closed;
    process.off("SIGINT", ignore);
    await giveBack();
  };
  return { out: new Output(child.stdin), end };
}
