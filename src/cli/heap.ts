import { setFlagsFromString } from "node:v8";
import { FileStore } from "../store/file/file-store.ts";
import type { Snapshot } from "../store/file/snapshot.ts";

let isSet = false;

/**
 * V8 lets short-lived strings pile up to 100 MB before it looks: over a million tasks, half as far is far enough. For when those
 * are about to come, and not sooner: once a flag has changed, V8 leaves its caches of compiled code aside, and those of
 * Node's own modules, which a page has yet to load.
 */
export function keepHeapSmall(): void {
  if (!isSet) setGrowth(50);
}

/** For many small answers, whatever comes later: a small heap would take a seventh of their time. */
export function letHeapGrow(): void {
  setGrowth(0);
}

function setGrowth(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
  isSet = true;
}

/** The store file of a command that ends with its answer. */
export class FrugalFileStore extends FileStore {
  override read(): Promise<Snapshot> {
    keepHeapSmall();
    return super.read();
  }
}
