import { access, constants } from "node:fs/promises";
import { systemErrorCode, TtsctlError } from "../errors.ts";
import type { FileStore } from "../store/file/file-store.ts";
import { identityText } from "../store/file/identity.ts";
import { VERSION } from "../version.ts";
import type { ServerParts } from "./parts.ts";
import type { Health } from "./schema.ts";

/** Everybody may read it: it names no path and no host. If Redis answers, the file isn't read, because probes come every few seconds. */
export async function healthOf({ run, settings, rules, readOnly, syncing }: ServerParts): Promise<Health> {
  const { file, link } = await run.stores();
  const redis = ({ on: "ok", down: "down", off: "off" } as const)[(await link.open()).kind];
  const store = await storeHealth(file, redis === "ok");
  const isReadable = store !== "unreadable";
  const status = isReadable && redis !== "down" ? "ok" : isReadable || redis === "ok" ? "degraded" : "down";
  const server = { version: VERSION, timezone: rules.zone.name, readOnly, token: settings.http.token.value !== null };
  return { status, store, redis, syncing: syncing.isRunning(), ...server };
}

async function storeHealth(file: FileStore, unread: boolean): Promise<Health["store"]> {
  try {
    if (unread) {
      await access(file.path, constants.R_OK);
      return "ok";
    }
    const snapshot = await file.read();
    await snapshot.close();
    return snapshot.exists ? "ok" : "missing";
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return "missing";
    if (error instanceof TtsctlError || unread) return "unreadable";
    throw error;
  }
}

/** Another text after almost every change: a write of the service moves the file's time, or tops the index with its task. */
export async function markOf({ run, syncing }: ServerParts): Promise<string> {
  const { file, link } = await run.stores();
  const state = await link.open();
  const all = { userId: undefined, since: null, until: null };
  const index = state.kind === "on" ? state.mirror.page(all, 0, 1).catch(() => "lost") : null;
  const identity = await file.identity().then(identityText, () => "unreadable");
  const behind = state.kind === "on" && state.behind;
  return JSON.stringify([identity, state.kind, behind, await index, syncing.isRunning()]);
}
