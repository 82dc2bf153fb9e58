import type { StreamEnd } from "../../src/http/routes/logs.ts";
import type {
  Health,
  StatsChart,
  StatsHealth,
  StatsUsers,
  TaskFiles,
  TaskPage,
  TasksAudio,
  TaskUsers,
} from "../../src/http/schema.ts";
import type { DeleteResult } from "../../src/operations/delete.ts";
import type { MarkResult } from "../../src/operations/mark/mark.ts";
import type { TaskId } from "../../src/store/task-source.ts";
import type { Span } from "../../src/task/spans.ts";
import { fieldsOf } from "../model/exact-json.ts";
import { type Download, downloadsOf } from "../model/files.ts";
import { bodyOf, type Filter, isFiltered } from "../model/filter.ts";
import { Failure, problemOf } from "./failure.ts";

/** One answer to "which tasks". */
export interface ListAnswer {
  readonly page: TaskPage;
  /** The server's notes on it, a line each. */
  readonly warnings: readonly string[];
}

/** A record as it is stored, and its fields, each as text. */
export interface TaskRecord {
  readonly json: string;
  readonly fields: readonly (readonly [name: string, text: string])[];
}

export type ChangeResult = DeleteResult | MarkResult;

/** How a change went, or would go. */
export interface Changed {
  readonly result: ChangeResult;
  readonly warnings: readonly string[];
}

/** What the server sends of a log. */
export type LogEvent =
  | { readonly event: "lines"; readonly data: { readonly path: string; readonly lines: readonly string[] } }
  | { readonly event: "note"; readonly data: string }
  | { readonly event: "beat"; readonly data?: never }
  | { readonly event: "end"; readonly data: StreamEnd };

/** The number of a ring: the stores may have changed. */
type Ring = { readonly event: "changed"; readonly data: { readonly ring: number } };

/** How long the server may take, in milliseconds. A million tasks are counted in a few seconds. */
const PATIENCE = 30_000;
/** How long a stream may be silent: until its first byte, which the server sends at once, and later. A proxy may hold it back. */
const FIRST_SILENCE = 10_000;
const LONGEST_SILENCE = 45_000;
const LOG_LINES = 200;
/** The most that the server sends. */
const MOST_LOG_LINES = 10_000;
const UNAUTHORIZED = 401;
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
  readonly #refused: () => void;
  /** How far the server's clock is ahead of this browser's, in milliseconds. */
  #ahead = 0;
  /** The last ring that no question has followed yet; 0 for none. */
  #ring = 0;

  /** @param refused is called whenever a token is wanted */
  constructor(refused: () => void) {
    this.#refused = refused;
  }

  /** The time by the server's clock, epoch seconds. */
  now(): number {
    return (Date.now() + this.#ahead) / 1000;
  }

  /**
   * A page of the list, or the tasks of some ids. A filter goes into a body, which may be long, as an address may not.
   * @param mayShare whether an answer will do that another page got after the last ring
   */
  async list(
    filter: Filter,
    page: number,
    pageSize: number,
    signal: AbortSignal | null = null,
    mayShare = false,
  ): Promise<ListAnswer> {
    const body = bodyOf(filter, page, pageSize);
    const headers = { "ttsctl-ring": `${mayShare ? this.#ring : 0}` };
    this.#ring = 0;
    const response = isFiltered(filter)
      ? await this.#ask("voice-tasks/query", { ...posted(body, headers), signal })
      : await this.#ask(`voice-tasks?${new URLSearchParams(body as Record<string, string>)}`, { headers, signal });
    return { page: await received(response.json()), warnings: warningsOf(response) };
  }

  async record(task: TaskId, signal: AbortSignal): Promise<TaskRecord> {
    const response = await this.#ask(taskPath(task), { signal });
    return received(response.text().then((json) => ({ json: json.trim(), fields: fieldsOf(json) })));
  }

  /** Without logs, which have no url to fetch them by and take longer to find. */
  async files(task: TaskId, signal: AbortSignal): Promise<Download[]> {
    return downloadsOf(await this.#json<TaskFiles>(`${taskPath(task, "/files")}&logs=false`, { signal }));
  }

  /** The files of each task that can be fetched. */
  async audio(tasks: readonly TaskId[]): Promise<Download[][]> {
    const body = { tasks: tasks.map(({ userId, taskId }) => ({ user_id: userId, task_id: taskId })) };
    const { audio } = await this.#json<TasksAudio>("voice-tasks/audio", posted(body));
    return audio.map((files) => downloadsOf({ files }));
  }

  /** The users that have a task with this id. */
  async usersOf(taskId: string): Promise<readonly string[]> {
    return (await this.#json<TaskUsers>(`voice-task/users?${new URLSearchParams({ task_id: taskId })}`)).users;
  }

  /**
   * The last lines of a task's log, and new ones as they come. Unless the last event is `end`, the connection was lost.
   * @throws Failure
   */
  followLog(task: TaskId, signal: AbortSignal): AsyncGenerator<LogEvent> {
    return this.#follow(`${taskPath(task, "/logs/stream")}&lines=${LOG_LINES}`, { signal });
  }

  /**
   * Calls `rung` whenever something may have changed. It ends if the connection is lost, or held back.
   * @throws Failure
   */
  async listen(rung: () => void, signal: AbortSignal): Promise<void> {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), FIRST_SILENCE);
    try {
      for await (const { event, data } of this.#follow<Ring | { event: "beat"; data?: never }>("stream", {
        signal: AbortSignal.any([signal, silence.signal]),
      })) {
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
  async *#follow<T>(path: string, init: RequestInit): AsyncGenerator<T> {
    const { body, headers } = await this.#ask(path, { ...init, isEndless: true });
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
        yield { event, data } as T;
      }
    }
  }

  /** A log to download. */
  logUrl(task: TaskId): string {
    return `${taskPath(task, "/logs")}&format=text&lines=${MOST_LOG_LINES}`;
  }

  /** Deletes or marks the tasks of a selection, or plans it. A large change may take any time. */
  async change(kind: "delete" | "mark", body: object, signal: AbortSignal | null = null): Promise<Changed> {
    this.#ring = 0;
    const response = await this.#ask(`voice-tasks/${kind}`, { ...posted(body), signal, isEndless: true });
    return { result: await received(response.json()), warnings: warningsOf(response) };
  }

  health(): Promise<Health> {
    return this.#json("healthz", { alsoFine: 503 });
  }

  stats(userId: string, span: Span): Promise<StatsChart> {
    const user = userId === "" ? "" : `&user_id=${encodeURIComponent(userId)}`;
    return this.#json(`stats/chart?span=${span}${user}`);
  }

  statsHealth(): Promise<StatsHealth> {
    return this.#json("stats/health");
  }

  /** Some users with a text in their ids, those with the most tasks first. */
  async users(search: string, signal: AbortSignal): Promise<string[]> {
    const { byUser } = await this.#json<StatsUsers>(`stats/users?${new URLSearchParams({ search })}`, { signal });
    return byUser.map(({ user_id }) => user_id);
  }

  /** Begins a session, which the browser keeps in a cookie that no script can read. */
  async login(token: string): Promise<void> {
    await this.#ask("login", posted({ token }));
  }

  async logout(): Promise<void> {
    await this.#ask("logout", { method: "POST" });
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
    if (response.status === UNAUTHORIZED) this.#refused();
    throw new Failure(await problemOf(response));
  }
}

function warningsOf(response: Response): string[] {
  return JSON.parse(response.headers.get("ttsctl-warnings") ?? "[]") as string[];
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
