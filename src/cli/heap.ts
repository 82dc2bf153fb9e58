import { setFlagsFromString } from "node:v8";
import { FileStore } from "../store/file/file-store.ts";
import type { Snapshot } from "../store/file/snapshot.ts";

/** Whether this process answers many small requests, for which a small heap would take a seventh of the time. */
let isFree = false;

/**
 * V8 lets short-lived strings pile up to 100 MB before it looks: over a million tasks, half as far is far enough. For when those
 * are about to come, and not sooner: once a flag has changed, V8 leaves its caches of compiled code aside, and those of
 * Node's own modules, which a page has yet to load.
 */
function keepHeapSmall(): void {
  if (!isFree) setFlagsFromString("--heap-growing-percent=50");
}

/** Where not many tasks may come, it is not worth its time: a page is done by then. */
export function keepHeapSmallSoon(): void {
  setTimeout(keepHeapSmall, 50).unref();
}

/**
 * For a sync and a purge, which wait for Redis more than they compute: V8's room for new objects stays as it is, rather than to
 * grow to 32 MB. Where a command computes all the time, as verify does, that would take a tenth longer.
 */
export function keepNewSpaceSmall(): void {
  if (!isFree) setFlagsFromString("--semi-space-growth-factor=1");
}

/** For a process that lives on, whatever it does later. */
export function letHeapGrow(): void {
  isFree = true;
  setFlagsFromString("--heap-growing-percent=0");
}

/** The store file of a command that ends with its answer. */
export class FrugalFileStore extends FileStore {
  override read(signal?: AbortSignal): Promise<Snapshot> {
    keepHeapSmall();
    return super.read(signal);
  }
}
