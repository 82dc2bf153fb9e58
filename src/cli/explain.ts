import type { CleanupSettings } from "../config/settings.ts";
import { TtsctlError } from "../errors.ts";
import type { Explanation } from "../operations/explain.ts";
import type { PolicyOrigins } from "../operations/purge/explain-rules.ts";
import { policyOf } from "../operations/purge/policy.ts";
import { trimId } from "../task/ids.ts";
import type { CleanupFlags } from "./cleanup-pass.ts";
import type { Context } from "./context.ts";
import { DONE, emitObject, PARTLY } from "./emit.ts";

/** `cleanup --explain USER TASK`: what a pass would do with one task, rule by rule. */
export async function runExplain(context: Context, flags: CleanupFlags, args: readonly string[]): Promise<number> {
  const [userId = "", taskId = ""] = args.map(trimId);
  if (userId === "" || taskId === "") {
    throw new TtsctlError("USAGE", "--explain needs a user id and a task id", {
      hint: "ttsctl cleanup --explain alice t01",
    });
  }
  const { explainTask } = await import("../operations/explain.ts");
  const { cleanup } = await context.settings();
  const parts = {
    ...{ file: await context.fileStore(), clock: context.clock, reporter: context.reporter },
    mirror: await context.mirrorState(),
    artifacts: await context.artifacts(),
  };
  const options = { ...policyOf(cleanup), allowEmpty: flags.allowEmpty, origins: originsOf(cleanup) };
  const { explanation, lost } = await explainTask(parts, options, { userId, taskId });
  if (lost !== null) context.reporter.warn(`${lost.message}: the file alone was looked at, as a pass would`);
  await emitObject(context, explanation, () => explanationText(context, explanation));
  return explanation.verdict === "missing" ? PARTLY : DONE;
}

function originsOf({ retention, retentionDone, retentionError, keepLast, maxBytes }: CleanupSettings): PolicyOrigins {
  return {
    ...{ retention: retention.origin, retentionDone: retentionDone.origin, retentionError: retentionError.origin },
    ...{ keepLast: keepLast.origin, maxBytes: maxBytes.origin },
  };
}

async function explanationText(context: Context, explanation: Explanation): Promise<string> {
  const { explainText } = await import("../render/explain-text.ts");
  return explainText(explanation, await context.terminal.tableStyle(context.flags));
}
