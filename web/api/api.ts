import type { StreamEnd } from "../../src/http/routes/logs.ts";
import type * as server from "../../src/http/schema.ts";
import type { DeleteResult } from "../../src/operations/delete.ts";
import type { MarkResult } from "../../src/operations/mark/mark.ts";
import type { TaskId } from "../../src/task/ids.ts";
import type { Span } from "../../src/task/spans.ts";
import { bodyOf, countOf, type Request } from "../model/filter.ts";
import { Failure, problemOf } from "./failure.ts";

/** A file of a task that can be fetched. Its url is relative to the page, its name is the last part of its path. */
export type Download = ReturnType<typeof downloadsOf>[number];

/** A parsed answer, and the server's notes on it, a line each. */
export interface Noted<T> {
  readonly body: T;
  readonly warnings: readonly string[];
}

/** How a change went, or would go. */
export type ChangeResult = DeleteResult | MarkResult;

/** What the server sends in a stream: a log, or the number of a ring, after which the stores may have changed. */
export type ServerEvent =
  | { readonly event: "lines"; readonly data: { readonly path: string; readonly lines: readonly string[] } }
  | { readonly event: "note"; readonly data: string }
  | { readonly event: "end"; readonly data: StreamEnd }
  | { readonly event: "changed"; readonly data: { readonly ring: number } }
  | { readonly event: "beat"; readonly data?: never };

/** How long the server may take, in milliseconds. A million tasks are counted in a few seconds. */
const PATIENCE = 30_000;
/** How long a stream may be silent: until its first byte, which the server sends at once, and later. A proxy may hold it back. */
const FIRST_SILENCE = 10_000;
const LONGEST_SILENCE = 45_000;
const LOG_LINES = 200;
/** The most that the server sends. */
const MOST_LOG_LINES = 10_000;
/** Whatever dialect the server answers others in. */
const PLAIN = { "ttsctl-dialect": "plain" };

interface Init extends RequestInit {
  /** An error status that isn't a Failure. */
  readonly alsoFine?: number;
  /** Whether the answer may take any time. */
  readonly isEndless?: boolean;
}

/**
 * Requests to the server. All addresses are relative: the page works behind a proxy, under any path. A request without
 * a response is a Failure, unless it was aborted.
 */
export class Api {
  /** How far the server's clock is ahead of this browser's, in milliseconds. */
  #ahead = 0;
  /** The last ring that no question has followed yet; 0 for none. */
  #ring = 0;

  /** @param refused is called whenever a token is wanted */
  constructor(private readonly refused: () => void) {}

  readonly health = () => this.#json<server.Health>("healthz", { alsoFine: 503 });
  readonly statsHealth = () => this.#json<server.StatsHealth>("stats/health");
  readonly stats = (userId: string, span: Span) =>
    this.#json<server.StatsChart>(`stats/chart?${new URLSearchParams({ span, ...(userId && { user_id: userId }) })}`);
  /** The users that have a task with this id. */
  readonly usersOf = (taskId: string) =>
    this.#json<server.AnswerOf<"TaskUsers">>(`voice-task/users?${new URLSearchParams({ task_id: taskId })}`);
  /** Some users with a text in their ids, those with the most tasks first. */
  readonly users = (search: string, signal: AbortSignal) =>
    this.#json<server.AnswerOf<"StatsUsers">>(`stats/users?${new URLSearchParams({ search })}`, { signal });
  /** The last lines of a log, and new ones. Without an `end` at last, the connection was lost. @throws Failure */
  readonly followLog = (task: TaskId, signal: AbortSignal) =>
    this.#follow(`${taskPath(task, "/logs/stream")}&lines=${LOG_LINES}`, signal);
  readonly logUrl = (task: TaskId) => `${taskPath(task, "/logs")}&format=text&lines=${MOST_LOG_LINES}`;
  /** Begins a session, which the browser keeps in a cookie that no script can read. */
  readonly login = (token: string) => this.#ask("login", posted({ token }));
  readonly logout = () => this.#ask("logout", { method: "POST" });

  /** The time by the server's clock, epoch seconds. */
  now(): number {
    return (Date.now() + this.#ahead) / 1000;
  }

  /**
   * A page of the list, or the tasks of some ids. A filter goes into a body, which may be long, as an address may not.
   * @param mayShare whether an answer will do that another page got after the last ring
   */
  async list(request: Request, signal: AbortSignal | null = null, mayShare = false): Promise<Noted<server.TaskPage>> {
    const body = bodyOf(request);
    const headers = { "ttsctl-ring": `${mayShare ? this.#ring : 0}` };
    this.#ring = 0;
    const response =
      countOf(request.filter) > 0
        ? await this.#ask("voice-tasks/query", { ...posted(body, headers), signal })
        : await this.#ask(`voice-tasks?${new URLSearchParams(body as Record<string, string>)}`, { headers, signal });
    return noted(response);
  }

  /** A record as it is stored, its fields as texts, and its files: not its logs, which take longer to find. */
  async details(task: TaskId, signal: AbortSignal) {
    const [record, found] = await Promise.all([
      this.#ask(taskPath(task), { signal }),
      this.#json<server.AnswerOf<"TaskFiles">>(`${taskPath(task, "/files")}&logs=false`, { signal }),
    ]);
    const read = (json: string) => ({ json: json.trim(), fields: fieldsOf(json), files: downloadsOf(found) });
    return received(record.text().then(read));
  }

  /** The files of each task that can be fetched. */
  async audio(tasks: readonly TaskId[]): Promise<Download[][]> {
    const body = { tasks: tasks.map(({ userId, taskId }) => ({ user_id: userId, task_id: taskId })) };
    const { audio } = await this.#json<server.AnswerOf<"TasksAudio">>("voice-tasks/audio", posted(body));
    return audio.map((files) => downloadsOf({ files }));
  }

  /** Calls `rung` whenever something may have changed, until the connection is lost or held back. @throws Failure */
  async listen(rung: () => void, signal: AbortSignal): Promise<void> {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), FIRST_SILENCE);
    try {
      for await (const { event, data } of this.#follow("stream", AbortSignal.any([signal, silence.signal]))) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), LONGEST_SILENCE);
        if (event !== "changed") continue;
        this.#ring = data.ring;
        rung();
      }
    } finally {
      clearTimeout(timer);
      silence.abort(); // closes the connection
    }
  }

  /** Server-sent events with JSON data. @throws Failure also for a problem */
  async *#follow(path: string, signal: AbortSignal): AsyncGenerator<ServerEvent> {
    const { body, headers } = await this.#ask(path, { signal, isEndless: true });
    if (!headers.get("content-type")?.startsWith("text/event-stream")) throw new Failure(null);
    const texts = body!.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await received(texts.read());
      if (done) return;
      const events = (rest + value).split("\n\n");
      rest = events.pop()!;
      for (const text of events) {
        const [, event = "beat", json] = /^event: (\w+)\ndata: (.*)/.exec(text) ?? [];
        const data = json === undefined ? undefined : JSON.parse(json);
        if (event === "problem") throw new Failure(data);
        yield { event, data } as ServerEvent;
      }
    }
  }

  /** Deletes or marks the tasks of a selection, or plans it. A large change may take any time. */
  async change(kind: "delete" | "mark", body: object, signal: AbortSignal | null = null): Promise<Noted<ChangeResult>> {
    this.#ring = 0;
    return noted(await this.#ask(`voice-tasks/${kind}`, { ...posted(body), signal, isEndless: true }));
  }

  async #json<T>(path: string, init?: Init): Promise<T> {
    return received((await this.#ask(path, init)).json());
  }

  async #ask(path: string, { alsoFine, isEndless, ...init }: Init = {}): Promise<Response> {
    const limits = isEndless ? [] : [AbortSignal.timeout(PATIENCE)];
    const signal = AbortSignal.any([...limits, ...(init.signal ? [init.signal] : [])]);
    const headers = { ...init.headers, ...PLAIN };
    const response = await received(fetch(path, { ...init, headers, signal }));
    const date = Date.parse(response.headers.get("date") ?? "");
    if (!Number.isNaN(date)) this.#ahead = date - Date.now();
    if (response.ok || response.status === alsoFine) return response;
    if (response.status === 401) this.refused();
    throw new Failure(await problemOf(response));
  }
}

/** Without logs, which have no url. */
function downloadsOf({ files }: server.AnswerOf<"TaskFiles">) {
  return files.flatMap(({ url, ...file }) =>
    url === null ? [] : [{ ...file, url, name: file.path.split("/").pop()! }],
  );
}

async function noted<T>(response: Response): Promise<Noted<T>> {
  const warnings: string[] = JSON.parse(response.headers.get("ttsctl-warnings") ?? "[]");
  return { body: await received(response.json()), warnings };
}

/** The parsed response, or a Failure: a proxy may respond with an HTML page. */
function received<T>(coming: Promise<T>): Promise<T> {
  return coming.catch(() => {
    throw new Failure(null);
  });
}

function posted(body: object, headers: object = {}): RequestInit {
  return { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
}

function taskPath({ userId, taskId }: TaskId, of = ""): string {
  return `voice-task${of}?${new URLSearchParams({ user_id: userId, task_id: taskId })}`;
}

/** JSON in browsers since 2025: a reviver gets the source text of a value, and can write it unchanged. */
interface ExactJson {
  parse(text: string, revive: (key: string, value: unknown, context?: { source?: string }) => unknown): object;
  rawJSON?(text: string): unknown;
}

/** Each value as text, with numbers as the service wrote them (`1.0`, twenty digits). An older browser rounds them. */
function fieldsOf(json: string): [name: string, text: string][] {
  const exact: ExactJson = JSON;
  const fields = exact.parse(json, (_, value, context) =>
    typeof value === "number" && context?.source !== undefined ? (exact.rawJSON?.(context.source) ?? value) : value,
  );
  const textOf = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));
  return Object.entries(fields).map(([name, value]) => [name, textOf(value)]);
}
