import { Argument, type Command } from "commander";
import type { Attach } from "../attach.ts";
import { completionScript, SHELLS, type Shell } from "../complete/scripts.ts";
import { DONE } from "../emit.ts";

export function declareCompletion(program: Command, attach: Attach): void {
  const command = program
    .command("completion")
    .addArgument(new Argument("<shell>", "whose script").choices(SHELLS))
    .description("print a script that completes commands, flags, users and task ids")
    .addHelpText("after", EXAMPLES);
  attach(command, async (context, _flags, [shell]) => {
    await context.terminal.out.write(completionScript(shell as Shell));
    return DONE;
  });
}

const EXAMPLES = `
Users and task ids come from Redis, or from the store file if it is small.
Examples:
  ttsctl completion bash      in ~/.bashrc: source <(ttsctl completion bash)
  ttsctl completion zsh       into a file _ttsctl in a folder of $fpath
  ttsctl completion fish      into ~/.config/fish/completions/ttsctl.fish`;
