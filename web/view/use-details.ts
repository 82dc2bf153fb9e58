import { type ReadonlySignal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Api } from "../api/api.ts";
import { Failure } from "../api/failure.ts";
import type { Download } from "../model/files.ts";
import type { Row } from "../model/row.ts";
import { useApp } from "./context.ts";

/** All there is about a task. */
export interface Details {
  readonly fields: readonly (readonly [name: string, text: string])[];
  readonly files: readonly Download[];
}

/** Read when a row is opened, and again when its task changed; null until there is an answer. */
export function useDetails(row: Row): ReadonlySignal<Details | Failure | null> {
  const { api } = useApp();
  const found = useSignal<Details | Failure | null>(null);
  useEffect(() => {
    const question = new AbortController();
    void readDetails(api, row, question.signal).then((answer) => {
      if (!question.signal.aborted) found.value = answer;
    });
    return () => question.abort();
  }, [row.key, row.updatedAt, row.status]);
  return found;
}

async function readDetails(api: Api, { userId, taskId }: Row, signal: AbortSignal): Promise<Details | Failure> {
  try {
    const [fields, files] = await Promise.all([api.fields(userId, taskId, signal), api.files(userId, taskId, signal)]);
    return { fields, files };
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}
