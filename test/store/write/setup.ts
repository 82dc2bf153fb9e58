import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach } from "vitest";
import { FileStore } from "../../../src/store/file/file-store.ts";
import type { Shape } from "../../../src/store/file/scanner.ts";
import { type SharedSnapshot, sharedSnapshot } from "../../../src/store/file/shared-snapshot.ts";
import { type MirrorLink, redisLink } from "../../../src/store/mirror-link.ts";
import { type MirrorWriter, mirrorWriter } from "../../../src/store/mirror-writer.ts";
import type { Mirror } from "../../../src/store/redis/mirror.ts";
import { type TaskWriter, taskWriter } from "../../../src/store/task-writer.ts";
import { type Writable, writable } from "../../../src/store/writable.ts";
import { TestClock } from "../../helpers/clock.ts";
import { useFolder, writeOld } from "../../helpers/files.ts";
import { RULES } from "../../helpers/records.ts";
import type { RecordJson } from "../../helpers/root.ts";

const NO_REDIS: MirrorLink<Writable<Mirror>> = redisLink(null);
export const SHAPES: readonly Shape[] = ["array", "map", "jsonl"];

/** A store file of one shape, as the service writes it. */
export function textOf(shape: Shape, records: readonly RecordJson[]): string {
  if (shape === "jsonl") return records.map((record) => `${JSON.stringify(record)}\n`).join("");
  if (shape === "array") return JSON.stringify(records, null, 2);
  return JSON.stringify(Object.fromEntries(records.map((r) => [`${r.user_id}:${r.task_id}`, r])), null, 2);
}

/** A store file with a writer on it, of a test's own. */
export class WriterPlace {
  readonly path: string;
  readonly #opened: { writer: TaskWriter; shared: SharedSnapshot }[] = [];
  readonly clock = new TestClock();
  writer!: TaskWriter;
  mirror!: MirrorWriter;
  shared!: SharedSnapshot;

  constructor(path: string) {
    this.path = path;
    this.open();
  }

  /** One more writer, as another process would have it. */
  open(link = NO_REDIS): TaskWriter {
    const { clock } = this;
    this.shared = sharedSnapshot(this.path, RULES, clock, { grows: true });
    const file = writable(new FileStore(this.path, RULES, clock));
    const parts = {
      clock,
      shared: this.shared,
      warn: () => {},
      mark: null,
      owes: link !== NO_REDIS,
      onMirrorFailure: () => {},
    };
    this.mirror = mirrorWriter({ ...parts, open: link.open, file: new FileStore(this.path, RULES, clock, parts) });
    this.writer = taskWriter({ ...parts, file, mirror: this.mirror });
    this.#opened.push({ writer: this.writer, shared: this.shared });
    return this.writer;
  }

  /** Creates the file, as one that has not been written lately. */
  fill(text: string): void {
    writeOld(this.path, text);
  }

  get text(): string {
    return existsSync(this.path) ? readFileSync(this.path, "utf8") : "";
  }

  set text(text: string) {
    writeFileSync(this.path, text);
  }

  /** Puts another file in its place, as the service does. */
  replace(text: string): void {
    writeFileSync(`${this.path}.tmp`, text);
    renameSync(`${this.path}.tmp`, this.path);
  }

  async close(): Promise<void> {
    for (const { writer, shared } of this.#opened.splice(0)) {
      await writer.close();
      await shared.close();
    }
  }
}

/** A place for each test of a file. */
export function useWriter(name = "voice_task.json"): () => WriterPlace {
  const path = useFolder();
  let place: WriterPlace;
  beforeEach(() => {
    place = new WriterPlace(path(name));
  });
  afterEach(() => place.close());
  return () => place;
}
