import { TtsctlError } from "../errors.ts";
import type { PlanSummary } from "../operations/brake.ts";
import { counted } from "../task/amounts.ts";
import type { Context } from "./context.ts";

/**
 * Asks before something is removed: on a terminal with the counted total; without one `--yes` is needed.
 * @throws TtsctlError CONFIRMATION_REQUIRED, DECLINED
 */
export function confirmation(context: Context, yes: boolean, question: (count: number) => string, done = "removed") {
  return async (count: number): Promise<void> => {
    if (yes) return;
    if (!context.terminal.isInteractive) {
      throw new TtsctlError(
        "CONFIRMATION_REQUIRED",
        `${counted(count, "task")} would be ${done}, and there is no terminal to ask on`,
        {
          hint: "say --yes, or look at the plan with --dry-run",
        },
      );
    }
    if (!(await ask(context, question(count), done)))
      throw new TtsctlError("DECLINED", `declined: nothing was ${done}`);
  };
}

/** The same for a plan, of which the first tasks and the counts by status are shown before the question. */
export function planConfirmation(context: Context, yes: boolean, question: (count: number) => string, done?: string) {
  const confirm = confirmation(context, yes, question, done);
  return async (plan: PlanSummary): Promise<void> => {
    if (!yes && context.terminal.isInteractive) {
      const { planLines } = await import("../render/item-lines.ts");
      await context.terminal.err.write(planLines(plan));
    }
    await confirm(plan.count);
  };
}

async function ask({ signal, terminal }: Context, question: string, done: string): Promise<boolean> {
  try {
    return /^y(es)?$/i.test((await terminal.ask(`${question} [y/N] `, signal)).trim());
  } catch (cause) {
    throw new TtsctlError("INTERRUPTED", `interrupted: nothing was ${done}`, { cause });
  }
}
