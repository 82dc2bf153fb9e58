import { type Signal, signal } from "@preact/signals";
import { createRef } from "preact";
import { mediaTypeOf } from "../../src/artifacts/media-types.ts";
import type { Api, Download } from "../api/api.ts";
import { Failure, orFailure } from "../api/failure.ts";
import type { Row } from "../model/row.ts";

/** The file to play; null for none, undefined until it is known, a Failure if the server could not say. */
type Playable = Download | null | undefined | Failure;

/** Whether this browser can play the file. One that is cut off, but has a length, plays up to there. */
export function isPlayable({ bytes, damaged, seconds, name }: Download): boolean {
  const type = mediaTypeOf(name);
  if (type === undefined || bytes === 0 || (damaged && seconds === undefined)) return false;
  return document.createElement("audio").canPlayType(type) !== "";
}

/** What the tasks of the list have to play: one question for all rows whose audio isn't known. */
export class Audio {
  readonly #known = new Map<string, { updatedAt: string; readonly playable: Signal<Playable> }>();

  constructor(private readonly api: Api) {}

  /** Of a task that has changed, the old answer until there is another. */
  of({ key }: Row) {
    const known = this.#known.get(key) ?? { updatedAt: "", playable: signal<Playable>(undefined) };
    this.#known.set(key, known);
    return known;
  }

  /** Looks at finished tasks that are new or have changed; tasks that are no longer shown are forgotten. */
  async look(rows: readonly Row[]): Promise<void> {
    const shown = new Set(rows.map(({ key }) => key));
    for (const key of this.#known.keys()) if (!shown.has(key)) this.#known.delete(key);
    const unknown = rows.filter((row) => row.status === "done" && this.of(row).updatedAt !== row.updatedAt);
    if (unknown.length > 0) await this.ask(unknown);
  }

  async ask(rows: readonly Row[]): Promise<void> {
    const asked = rows.map((row) => Object.assign(this.of(row), { updatedAt: row.updatedAt }));
    const answer = await orFailure(this.api.audio(rows));
    for (const [i, { playable }] of asked.entries())
      playable.value = answer instanceof Failure ? answer : (answer[i]?.find(isPlayable) ?? null);
  }
}

/** The one player of the page. It is outside the list, so changes of the list don't stop it. */
export class Player {
  /** A file of a task. */
  readonly track = signal<{ readonly row: Row; readonly file: Download } | null>(null);
  /** Set by the element's events; it fails if the browser can't play the file. */
  readonly state = signal<"playing" | "paused" | "failed">("paused");
  /** The element, while there is a track. */
  readonly element = createRef<HTMLAudioElement>();

  /** Whether a file is played, by its address, or any file of a task, by its key. */
  plays(name: string): boolean {
    const track = this.track.value;
    return this.state.value === "playing" && (track?.file.url === name || track?.row.key === name);
  }

  /** Plays a file from its beginning, or goes on with it; pauses it if it is played. */
  toggle(row: Row, file: Download): void {
    if (this.plays(file.url)) this.element.current?.pause();
    else if (this.track.value?.file.url === file.url && this.element.current !== null) {
      this.element.current.play().catch(() => (this.state.value = "failed"));
    } else {
      this.state.value = "paused";
      this.track.value = { row, file }; // its element starts automatically
    }
  }

  close(): void {
    this.element.current?.pause();
    this.track.value = null;
    this.state.value = "paused";
  }
}
