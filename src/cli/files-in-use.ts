import { resolve } from "node:path";
import type { Context } from "./context.ts";

/** The files that a run reads or writes beside the one of a flag, such as those of its other flags. */
export async function filesInUse(context: Context, ...others: (string | undefined)[]): Promise<string[]> {
  const { store, audit, configPath, redis } = await context.settings();
  const { tlsCa, tlsCert, tlsKey } = redis;
  const settings = [store.path.value, audit.path.value, configPath, tlsCa.value, tlsCert.value, tlsKey.value];
  const flags = others.filter((path) => path !== undefined).map((path) => resolve(context.cwd, path));
  return [...settings.filter((path) => path !== null), ...flags];
}
