import { batches } from "../pool.ts";
import { LATELY_S } from "../store/file/last-writer.ts";
import type { Snapshot } from "../store/file/snapshot.ts";
import { timeOf } from "../store/layout/copy.ts";
import { keyOf } from "../task/ids.ts";
import type { Parts, RedisParts } from "./parts.ts";
import { classify, type Kind } from "./verify/classify.ts";

/** How many tasks of each store are compared, and how many in one call: whole records come back. */
const SAMPLE = 250;
const BATCH = 25;
/** Seconds; a slow Redis gets fewer questions. */
const LONGEST = 5;

/** Compares random tasks of both stores as `verify` compares all, for at most some seconds, or until the signal. @throws TtsctlError REDIS_*, STORE_* */
export async function compareSample(
  { mirror, clock, signal }: RedisParts<"clock"> & Partial<Parts<"signal">>,
  snapshot: Snapshot,
) {
  const began = clock.monotonic();
  const inRedis = (await mirror.someIds(SAMPLE)).filter((id) => !snapshot.hasInvalid(id));
  const ids = new Map([...someInFile(snapshot), ...inRedis].map((id) => [keyOf(id), id]));
  const counts = new Map<Kind, number>();
  let compared = 0;
  for (const batch of batches(ids.values(), BATCH)) {
    if (signal?.aborted || clock.monotonic() - began > LONGEST) break;
    const copies = await mirror.fullCopies(batch);
    const latest = clock.now() - LATELY_S;
    for (const [i, record] of (await snapshot.recordsOf(batch)).entries()) {
      const copy = copies[i]!;
      if ((record?.score ?? 0) > latest || timeOf(copy, mirror) > latest) continue;
      const finding = classify(record, copy, mirror);
      if (finding !== "inSync" && finding !== "absent") counts.set(finding, (counts.get(finding) ?? 0) + 1);
    }
    compared += batch.length;
  }
  return { compared, counts };
}

/** Every so many'th task of the file. */
function someInFile(snapshot: Snapshot) {
  const step = Math.max(1, Math.ceil(snapshot.size / SAMPLE));
  const first = Math.floor(Math.random() * step);
  return [...snapshot.liveRows()].filter((_, i) => i % step === first).map((row) => snapshot.idOf(row));
}
