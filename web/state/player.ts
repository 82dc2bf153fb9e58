import { type ReadonlySignal, signal } from "@preact/signals";
import type { Download } from "../model/files.ts";

/** A file of a task in the player. */
export interface Track {
  readonly taskKey: string;
  readonly taskId: string;
  readonly userId: string;
  readonly file: Download;
}

/** The one player of the page. It is outside the list, so changes of the list don't stop it. */
export class Player {
  readonly #track = signal<Track | null>(null);
  readonly #playing = signal(false);
  readonly #failed = signal(false);

  readonly track: ReadonlySignal<Track | null> = this.#track;
  readonly playing: ReadonlySignal<boolean> = this.#playing;
  /** Whether the browser could not play it. */
  readonly failed: ReadonlySignal<boolean> = this.#failed;
  /** The element, while there is a track. */
  element: HTMLAudioElement | null = null;

  /** Plays a file from its beginning, or goes on with it. */
  play(track: Track): void {
    if (this.#track.value?.file.url === track.file.url && this.element !== null) {
      this.element.play().catch(() => this.onState("failed"));
    } else {
      this.#failed.value = false;
      this.#track.value = track; // its element starts automatically
    }
  }

  pause(): void {
    this.element?.pause();
  }

  close(): void {
    this.pause();
    this.#track.value = null;
    this.#playing.value = false;
  }

  /** Called by the element's events. */
  onState(state: "playing" | "paused" | "failed"): void {
    this.#playing.value = state === "playing";
    this.#failed.value = state === "failed";
  }
}
