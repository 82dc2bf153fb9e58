import { textOf } from "../model/row.ts";

/** An RFC 9457 answer, as far as the page shows it. */
type Problem = Awaited<ReturnType<typeof problemOf>>;

/** Why a question to the server has no answer: it said so, or it could not be reached (`problem` is then null). */
export class Failure extends Error {
  override readonly name = "Failure";

  constructor(readonly problem: Problem | null) {
    super(problem?.detail ?? "unreachable");
  }

  /** Whether the request itself was invalid: a retry would fail, too. */
  get isMistake(): boolean {
    const status = this.problem?.status ?? 0;
    return status >= 400 && status < 500 && status !== 401 && status !== 429;
  }
}

export function orFailure<T>(answer: Promise<T>): Promise<T | Failure> {
  return answer.catch((error: unknown) => {
    if (error instanceof Failure) return error;
    throw error;
  });
}

/** Reads a refusal. A proxy between may have answered in its own way: then the code is empty. */
export async function problemOf(response: Response) {
  const body: Readonly<Record<string, unknown>> | null = await response.json().catch(() => null);
  const [code, detail, title, hint] = ["code", "detail", "title", "hint"].map((name) => textOf(body?.[name]));
  const { status, statusText } = response;
  return { status, code, detail: detail || title || `${status} ${statusText}`.trim(), hint };
}
