import { access, constants } from "node:fs/promises";
import { systemErrorCode, TtsctlError } from "../../errors.ts";
import { type Health, healthOf } from "../../http/health.ts";
import type { FileStore } from "../../store/file/file-store.ts";
import type { MirrorLink } from "../../store/mirror-link.ts";
import { VERSION } from "../../version.ts";

const REDIS = { on: "ok", down: "down", off: "off" } as const;

/** Whether each store can answer. While Redis does, the file is not read whole: a probe comes every few seconds. */
export async function healthOfStores(file: FileStore, link: MirrorLink, syncing: boolean): Promise<Health> {
  const redis = REDIS[(await link.open()).kind];
  const store = redis === "ok" ? await openable(file.path) : await readable(file);
  return healthOf({ store, redis }, syncing, VERSION);
}

async function openable(path: string): Promise<Health["store"]> {
  try {
    await access(path, constants.R_OK);
    return "ok";
  } catch (error) {
    return systemErrorCode(error) === "ENOENT" ? "missing" : "unreadable";
  }
}

async function readable(file: FileStore): Promise<Health["store"]> {
  try {
    const snapshot = await file.read();
    await snapshot.close();
    return snapshot.exists ? "ok" : "missing";
  } catch (error) {
    if (error instanceof TtsctlError) return "unreadable";
    throw error;
  }
}
