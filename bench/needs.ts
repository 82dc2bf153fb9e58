import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Which of these are not there: names of programs, or paths in the project. */
export function missingOf(needs: readonly string[], project: string): string[] {
  return needs.filter((need) => !(need.includes("/") ? existsSync(join(project, need)) : isProgram(need)));
}

function isProgram(name: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => folder !== "" && existsSync(join(folder, name)));
}
