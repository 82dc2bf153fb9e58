import type { Command } from "commander";
import type { Attach } from "../attach.ts";
import type { ServeFlags } from "../serve/serve.ts";

export function declareServe(program: Command, attach: Attach): void {
  const command = program
    .command("serve")
    .description("answer the HTTP API and the web page; syncs to Redis and cleans up meanwhile, unless told otherwise")
    .option(
      "--host <address>",
      "where to listen, instead of [http] host (127.0.0.1); others than this machine need a token",
    )
    .option("--port <n>", "instead of [http] port (9883); 0 for any that is free")
    .option("--base-path <path>", "the path under which a proxy is asked, such as /tts")
    .option("--dialect <name>", "plain, or api_ms: requests and answers of the GPT-SoVITS API service")
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
