import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { describeSystemError, TtsctlError, usage } from "../../errors.ts";
import type { SourceChoice } from "../../store/mirror-link.ts";
import { BODY_NAMES } from "../../task/query-fields.ts";
import type { Attach, Context } from "../context.ts";
import { addLook, addSource, type LookFlags } from "../selection.ts";
import { listTasks } from "./list.ts";

interface QueryFlags extends LookFlags {
  readonly file?: string;
  readonly source: SourceChoice;
}

export function declareQuery(program: Command, attach: Attach): void {
  const command = program
    .command("query")
    .argument("[json]", "the query; without it and without --file it is read from stdin")
    .description("list tasks by a JSON query, with as many ids as you like")
    .option("-f, --file <file>", "read the query from a file (- for stdin)")
    .addHelpText("after", EXAMPLES);
  addLook(addSource(command));
  attach<QueryFlags>(command, async (context, flags, [argument]) => {
    const { text, origin } = await readBody(context, argument, flags.file);
    const { parseQueryBody } = await import("../../operations/list-query.ts");
    return listTasks(context, parseQueryBody(text, origin), flags, BODY_NAMES);
  });
}

const EXAMPLES = `
The query, every key of it optional:
  {"page": 1, "page_size": 20, "user_id": "alice", "task_ids": ["t01", "t02"],
   "status": ["done"], "since": "2h", "until": null}
Examples:
  ttsctl query '{"user_id": "alice", "task_ids": ["t01", "t02"]}'
  ttsctl query --file ids.json -o jsonl
  jq -n '{user_id: "alice", status: ["error"]}' | ttsctl query`;

async function readBody(context: Context, argument: string | undefined, file: string | undefined) {
  if (argument !== undefined && file !== undefined) {
    throw usage("the query is given twice", "give it as the argument or with --file, not both");
  }
  if (argument !== undefined) return { text: argument, origin: "the argument" };
  if (file === undefined || file === "-") return { text: await readStdin(context), origin: "stdin" };
  try {
    return { text: await readFile(file, "utf8"), origin: file };
  } catch (cause) {
    throw new TtsctlError("USAGE", `cannot read the query from ${file}: ${describeSystemError(cause)}`, { cause });
  }
}

async function readStdin({ terminal }: Context): Promise<string> {
  if (terminal.stdin.isTTY) {
    throw usage("no query", "give it as the argument, with --file, or on stdin");
  }
  const chunks: Buffer[] = [];
  for await (const chunk of terminal.stdin) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks).toString("utf8");
}
