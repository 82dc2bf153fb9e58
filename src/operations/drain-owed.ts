import type { FileStore } from "../store/file/file-store.ts";
import { MirrorWriter } from "../store/mirror-writer.ts";
import type { Mirror } from "../store/redis/mirror.ts";
import type { Writable } from "../store/writable.ts";
import type { Parts } from "./parts.ts";

/** Makes Redis as the file is, of tasks whose deletion it may lack since it was down. */
export async function drainOwed(
  { file, clock, reporter }: Parts<"clock" | "reporter"> & { readonly file: FileStore },
  mirror: Writable<Mirror>,
): Promise<void> {
  const writer = new MirrorWriter({
    clock,
    file,
    shared: file,
    link: { open: async () => ({ kind: "on", mirror }), close: async () => {} },
    warn: (line) => reporter.warn(line),
  });
  await writer.catchUp().finally(() => writer.close());
}
