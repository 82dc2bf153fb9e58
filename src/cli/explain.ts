import type { CleanupSettings } from "../config/settings.ts";
import { TtsctlError } from "../errors.ts";
import type { Explanation } from "../operations/explain.ts";
import type { PolicyOrigins } from "../operations/purge/explain-rules.ts";
import { policyOf } from "../operations/purge/policy.ts";
import { printable } from "../printable.ts";
import { type TableStyle, table } from "../render/table.ts";
import { trimId } from "../task/ids.ts";
import type { CleanupFlags } from "./cleanup-pass.ts";
import type { Context } from "./context.ts";
import { DONE, emitObject, PARTLY } from "./emit.ts";
import { openArtifactsOf } from "./purging.ts";

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
    mirror: await (await context.mirrorLink()).open(),
    artifacts: await openArtifactsOf(context),
  };
  const options = { ...policyOf(cleanup), allowEmpty: flags.allowEmpty, origins: originsOf(cleanup) };
  const { explanation, lost } = await explainTask(parts, options, { userId, taskId });
  if (lost !== null) context.reporter.warn(`${lost.message}: the file alone was looked at, as a pass would`);
  const style = await context.terminal.tableStyle(context.flags);
  await emitObject(context, explanation, () => explainText(explanation, style));
  return explanation.verdict === "missing" ? PARTLY : DONE;
}

function originsOf({ retention, retentionDone, retentionError, keepLast, maxBytes }: CleanupSettings): PolicyOrigins {
  return {
    ...{ retention: retention.origin, retentionDone: retentionDone.origin, retentionError: retentionError.origin },
    ...{ keepLast: keepLast.origin, maxBytes: maxBytes.origin },
  };
}

/** An explanation for people: the verdict, then what each rule says and saw. */
function explainText(explanation: Explanation, style: TableStyle): string {
  const { user_id, task_id, rules } = explanation;
  const rows = rules.map(({ rule, says, saw }) => [rule, says, printable(saw)]);
  const whole = { ...style, width: null }; // a reason that is cut explains nothing
  return `${printable(`${user_id}:${task_id}`)} ${verdict(explanation)}\n${table(["RULE", "SAYS", "WHAT IT SAW"], rows, whole)}`;
}

function verdict({ verdict, reason, rules }: Explanation): string {
  if (verdict === "missing") return "is in neither store";
  if (verdict === "purge") return `would be purged: ${reason}`;
  const keepers = rules.filter(({ says }) => says === "keep").map(({ rule }) => rule);
  return keepers.length > 0 ? `would stay: ${keepers.join(", ")}` : "would stay: no rule wants it to go";
}
