import type { Artifacts } from "../../artifacts/artifacts.ts";
import type { Reporter } from "../reporter.ts";

/** Puts back the folders that a killed pass had moved away; the records are still there, so this pass takes them again. */
export async function recoverArtifacts(parts: { artifacts: Artifacts; reporter: Reporter }): Promise<void> {
  const { folders, left } = await parts.artifacts.recover();
  if (folders > 0)
    parts.reporter.warn(`an earlier pass was stopped: ${folders} folders that it had moved away were put back`);
  for (const reason of left) parts.reporter.warn(`left in the purge folder: ${reason}`);
}
