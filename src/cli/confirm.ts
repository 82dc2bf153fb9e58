import { createInterface } from "node:readline/promises";
import { TtsctlError } from "../errors.ts";
import type { Context } from "./context.ts";

/**
 * Asks before something is removed: on a terminal with the counted total; without one `--yes` is needed.
 * @throws TtsctlError CONFIRMATION_REQUIRED, DECLINED
 */
export function confirmation(context: Context, yes: boolean, question: (count: number) => string) {
  return async (count: number): Promise<void> => {
    if (yes) return;
    if (!context.terminal.isInteractive) {
      throw new TtsctlError(
        "CONFIRMATION_REQUIRED",
        `${count} tasks would be removed, and there is no terminal to ask on`,
        {
          hint: "say --yes, or look at the plan with --dry-run",
        },
      );
    }
    if (!(await ask(context, question(count)))) throw new TtsctlError("DECLINED", "declined: nothing was removed");
  };
}

async function ask({ signal, terminal }: Context, question: string): Promise<boolean> {
  const lines = createInterface({ input: terminal.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch (cause) {
    throw new TtsctlError("INTERRUPTED", "interrupted: nothing was removed", { cause });
  } finally {
    lines.close();
  }
}
