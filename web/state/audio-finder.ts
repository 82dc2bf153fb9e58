import type { Api } from "../api/api.ts";
import { type Download, isPlayable } from "../model/files.ts";
import type { Row } from "../model/row.ts";

/** Finds what a task has to play. It asks for one task after the other, so a page of rows doesn't hold up the list. */
export class AudioFinder {
  readonly #api: Pick<Api, "files">;
  #last: Promise<unknown> = Promise.resolve();

  constructor(api: Pick<Api, "files">) {
    this.#api = api;
  }

  /** The first audio that can be played; null for none, or if the question was aborted. @throws Failure */
  find({ userId, taskId }: Row, signal?: AbortSignal): Promise<Download | null> {
    const answer = this.#last.then(async () => {
      if (signal?.aborted) return null;
      const files = await this.#api.files(userId, taskId, signal);
      return files.find(isPlayable) ?? null;
    });
    this.#last = answer.catch(() => {});
    return answer;
  }
}
