import type { Command } from "commander";
import { describeSettings } from "../../config/settings.ts";
import { printable } from "../../printable.ts";
import type { Attach } from "../context.ts";
import { DONE, emitObject } from "../emit.ts";

export function declare(program: Command, attach: Attach): void {
  const command = program
    .command("config")
    .description("print the settings in force and where each came from")
    .addHelpText("after", EXAMPLES);
  attach(command, async (context) => {
    const settings = await context.settings();
    const described = describeSettings(settings);
    await emitObject(context, described, async () => {
      const { table } = await import("../../render/table.ts");
      const rows = Object.entries(described).map(([name, { value, source }]) => {
        return [name, value === null || value === "" ? "-" : printable(String(value)), source];
      });
      return table(["SETTING", "VALUE", "SOURCE"], rows, await context.tableStyle());
    });
    const file = settings.configPath ?? "none found; only defaults, variables and flags";
    await context.tell(`config file: ${file}`);
    return DONE;
  });
}

const EXAMPLES = `
A flag comes before a variable, a variable before config.ini, and config.ini
before the default.
Examples:
  ttsctl config
  REDIS_PORT=6380 ttsctl config -o json`;
