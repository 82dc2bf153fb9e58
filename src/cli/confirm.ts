import { TtsctlError } from "../errors.ts";
import type { PlanSummary } from "../operations/brake.ts";
import { planLines } from "../render/item-lines.ts";
import type { Context } from "./context.ts";

/**
 * Asks before tasks are deleted or changed. Without a terminal `--yes` is needed.
 * @throws TtsctlError CONFIRMATION_REQUIRED, DECLINED, INTERRUPTED
 */
export function confirmation(context: Context, yes: boolean, question: (count: number) => string, done = "deleted") {
  const { terminal } = context;
  return async (planned: number | PlanSummary): Promise<void> => {
    if (yes) return;
    const count = typeof planned === "number" ? planned : planned.count;
    if (!terminal.isInteractive) {
      const asked = question(count).slice(0, -1);
      const what = `refusing to ${asked[0]!.toLowerCase()}${asked.slice(1)} without confirmation`;
      throw new TtsctlError("CONFIRMATION_REQUIRED", what, { hint: "add --yes, or preview with --dry-run" });
    }
    if (typeof planned !== "number") await terminal.err.write(planLines(planned));
    const answer = await terminal.ask(`${question(count)} [y/N] `, context.signal).catch((cause) => {
      throw new TtsctlError("INTERRUPTED", `interrupted: nothing was ${done}`, { cause });
    });
    if (!/^y(es)?$/i.test(answer.trim())) throw new TtsctlError("DECLINED", `declined: nothing was ${done}`);
  };
}
