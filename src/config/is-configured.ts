import type { Settings } from "./settings.ts";

/**
 * Whether what is to be changed was named by somebody: a job in the wrong folder must not act on defaults (SPEC section 5).
 * @param withArtifacts audio and logs are changed too
 */
export function isConfigured(
  { configPath, store, paths }: Pick<Settings, "configPath" | "store" | "paths">,
  withArtifacts: boolean,
): boolean {
  const needed = withArtifacts ? [store.path, paths.output, paths.logs] : [store.path];
  return configPath !== null || needed.every(({ source }) => source !== "default");
}
