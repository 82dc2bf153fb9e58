import { type ReadonlySignal, signal } from "@preact/signals";

/** Whether the server wants a token before it answers. */
export class Session {
  readonly #needsToken = signal(false);
  readonly needsToken: ReadonlySignal<boolean> = this.#needsToken;

  /** A question was refused for want of a token. */
  refused(): void {
    this.#needsToken.value = true;
  }

  begun(): void {
    this.#needsToken.value = false;
  }
}
