import type { HealthAnswer, ServerParts } from "./parts.ts";

export async function healthAnswer({ health, rules, remove, token }: ServerParts): Promise<HealthAnswer> {
  return { ...(await health()), timezone: rules.zone.name, readOnly: remove === null, token: token !== null };
}
