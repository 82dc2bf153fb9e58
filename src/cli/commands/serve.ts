import type { Command } from "commander";
import type { Attach } from "../attach.ts";
import { settingOption } from "../selection.ts";
import type { ServeFlags } from "../serve/serve.ts";

export function declareServe(program: Command, attach: Attach): void {
  const command = program
    .command("serve")
    .description("answer the HTTP API and the web page; syncs to Redis and cleans up meanwhile, unless told otherwise")
    .addOption(settingOption("http.host"))
    .addOption(settingOption("http.port"))
    .addOption(settingOption("http.base_path"))
    .addOption(settingOption("http.dialect"))
    .option("--no-sync", "do not push the store file to Redis on start, and when Redis is back")
    .option("--no-cleanup", "do not purge expired tasks as cleanup --watch does")
    .option("--read-only", "change nothing: no DELETE, no sync, no cleanup", false)
    .addHelpText("after", EXAMPLES);
  attach<ServeFlags>(command, async (context, flags) => {
    const { serve } = await import("../serve/serve.ts");
    return serve(context, flags);
  });
}

const EXAMPLES = `
Examples:
  ttsctl serve                          http://127.0.0.1:9883/, for this machine
  ttsctl serve --read-only --port 0     to look, on any free port
  ttsctl serve --no-cleanup -v          where a timer cleans up; a line per request`;
