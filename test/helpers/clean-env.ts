/** The environment of a run; the zone is UTC, whatever the machine's is. */
export function cleanEnv(more: Record<string, string> = {}): Record<string, string> {
  return { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "/", LANG: "C.UTF-8", TZ: "UTC", ...more };
}
