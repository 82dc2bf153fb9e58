import type { Command } from "commander";
import { usage } from "../../errors.ts";
import type { Attach, Context } from "../context.ts";
import { addInterval, addSelection, addUser } from "../selection.ts";

interface TopFlags {
  readonly user?: string;
  readonly status?: string;
  readonly interval: number;
  readonly readOnly: boolean;
}

export function declare(program: Command, attach: Attach): void {
  const command = program
    .command("top")
    .description("a live screen: counts, rates, failures and the newest tasks, to view, mark and delete")
    .option("--read-only", "change nothing: no mark, no delete", false)
    .addHelpText("after", EXAMPLES);
  addInterval(addSelection(addUser(command), ["statuses"]), "seconds, or a duration such as 10s, between two readings");
  attach<TopFlags>(command, runCommand);
}

const EXAMPLES = `
Keys: arrows or j and k move, Enter opens a task, / and f filter by user and
status, m marks, d deletes after a confirmation, ? lists all keys, q quits.
Examples:
  ttsctl top
  ttsctl top --status run,wait --interval 5
  ttsctl top --read-only                     change nothing`;

/** @throws TtsctlError USAGE without a terminal */
async function runCommand(context: Context, flags: TopFlags): Promise<number> {
  const { terminal } = context;
  if (!terminal.outIsTerminal || terminal.streams.stdin.isTTY !== true || terminal.env.TERM === "dumb") {
    throw usage("top needs a terminal for its screen and keys", INSTEAD);
  }
  const { runTop } = await import("../top/run.ts");
  const { user = "", status = "", interval: every, readOnly } = flags;
  return runTop(context, { every, filter: { user, status }, readOnly });
}

const INSTEAD = "elsewhere use `ttsctl stats`, or `ttsctl list --watch`";
