/** An RFC 9457 answer, as far as the page shows it. */
export interface Problem {
  /** The HTTP status. */
  readonly status: number;
  /** One of the words of docs/json.md; empty if the response wasn't ttsctl's. */
  readonly code: string;
  readonly detail: string;
  /** The remedy. */
  readonly hint: string | null;
}

/** Why a question to the server has no answer: it said so, or it could not be reached (`problem` is then null). */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly problem: Problem | null;

  constructor(problem: Problem | null) {
    super(problem?.detail ?? "unreachable");
    this.problem = problem;
  }

  /** Whether the request itself was invalid: a retry would fail, too. */
  get isMistake(): boolean {
    const status = this.problem?.status ?? 0;
    return status >= 400 && status < 500 && status !== 401 && status !== 429;
  }
}

/** The answer, or the Failure to get one. */
export function orFailure<T>(answer: Promise<T>): Promise<T | Failure> {
  return answer.catch((error: unknown) => {
    if (error instanceof Failure) return error;
    throw error;
  });
}

/** Reads a refusal. A proxy between may have answered in its own way. */
export async function problemOf(response: Response): Promise<Problem> {
  const body: unknown = await response.json().catch(() => null);
  const problem = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  const fallback = `${response.status} ${response.statusText}`.trim();
  return {
    status: response.status,
    code: text(problem.code),
    detail: text(problem.detail) || text(problem.title) || fallback,
    hint: text(problem.hint),
  };
}
