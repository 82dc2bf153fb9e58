import type { Command, RedisCommands, Reply } from "./commands.ts";
import { ServerError } from "./errors.ts";
import { checkReply } from "./reply-shape.ts";
import type { Script } from "./script.ts";

/** One run of a script; its keys are in one slot. */
export interface ScriptRun {
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
}

/**
 * Runs a script some times, in one round trip where the servers know it; an error of a server is in its place.
 * @throws TtsctlError as RedisCommands.pipeline
 */
export async function runForEach(
  commands: RedisCommands,
  script: Script,
  runs: readonly ScriptRun[],
): Promise<Reply[]> {
  const replies = await commands.pipeline(runs.map((run) => commandOf("EVALSHA", script.digest, run)));
  const unknown = replies.flatMap((reply, i) => (isUnknownScript(reply) ? [i] : []));
  const again =
    unknown.length === 0 ? [] : await commands.pipeline(unknown.map((i) => commandOf("EVAL", script.source, runs[i]!)));
  unknown.forEach((i, at) => {
    replies[i] = again[at]!;
  });
  for (const reply of replies) checkReply(reply, script.replies, "a script", commands.where);
  return replies;
}

function commandOf(name: string, script: string, { keys, args }: ScriptRun): Command {
  return [name, script, keys.length, ...keys, ...args];
}

function isUnknownScript(reply: Reply): boolean {
  return reply instanceof ServerError && reply.reply.startsWith("NOSCRIPT");
}
