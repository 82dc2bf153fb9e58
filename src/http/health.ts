import type { HealthAnswer, ServerParts } from "./parts.ts";

export async function healthAnswer({ health, rules, changes, token }: ServerParts): Promise<HealthAnswer> {
  return { ...(await health()), timezone: rules.zone.name, readOnly: changes === null, token: token !== null };
}
