import { signal } from "@preact/signals";
import type { Download } from "../model/files.ts";

/** A file of a task in the player. */
interface Track {
  readonly taskKey: string;
  readonly taskId: string;
  readonly userId: string;
  readonly file: Download;
}

/** The one player of the page. It is outside the list, so changes of the list don't stop it. */
export class Player {
  readonly track = signal<Track | null>(null);
  /** Set by the element's events; it fails if the browser can't play the file. */
  readonly state = signal<"playing" | "paused" | "failed">("paused");
  /** The element, while there is a track. */
  element: HTMLAudioElement | null = null;

  /** Whether a file is played, by its address, or any file of a task, by its key. */
  plays(name: string): boolean {
    const track = this.track.value;
    return this.state.value === "playing" && (track?.file.url === name || track?.taskKey === name);
  }

  /** Plays a file from its beginning, or goes on with it; pauses it if it is played. */
  toggle(track: Track): void {
    if (this.plays(track.file.url)) this.element?.pause();
    else if (this.track.value?.file.url === track.file.url && this.element !== null) {
      this.element.play().catch(() => {
        this.state.value = "failed";
      });
    } else {
      this.state.value = "paused";
      this.track.value = track; // its element starts automatically
    }
  }

  close(): void {
    this.element?.pause();
    this.track.value = null;
    this.state.value = "paused";
  }
}
