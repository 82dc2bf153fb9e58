import type { Command } from "commander";
import type { Attach } from "../attach.ts";
import { DONE, emitObject } from "../emit.ts";

export function declareConfig(program: Command, attach: Attach): void {
  const command = program
    .command("config")
    .description("print the settings in force and where each came from")
    .addHelpText("after", EXAMPLES);
  attach(command, async (context) => {
    const { describeSettings } = await import("../../config/settings.ts");
    const settings = await context.settings();
    const described = describeSettings(settings);
    await emitObject(context, described, async () => {
      const { table } = await import("../../render/table.ts");
      const { printable } = await import("../../printable.ts");
      const rows = Object.entries(described).map(([name, { value, source }]) => [
        name,
        value === null || value === "" ? "-" : String(value),
        source,
      ]);
      const style = await context.terminal.tableStyle(context.flags);
      return table(
        ["SETTING", "VALUE", "SOURCE"],
        rows.map((row) => row.map(printable)),
        style,
      );
    });
    const file = settings.configPath ?? "none found; defaults, variables and flags alone";
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
