import type { SSEStreamingApi } from "hono/streaming";
import { restAfter } from "../clock.ts";
import { formatUtc } from "../task/time.ts";
import { problemOf } from "./answer.ts";
import { HEARTBEAT_S } from "./event-stream.ts";
import type { ServerParts } from "./parts.ts";

/** Between two looks whether anything has changed. */
const LOOK_EVERY_S = 1;
/** A service writes Redis a moment after the file. */
const LATELY_S = 2;
/** What no mark shows, such as a task that gets older than the filter allows, shows after so long. */
const CHECK_EVERY_S = 60;

/** JSON of an object, without its time. */
interface Answer {
  readonly json: string;
  /** When it was made, epoch seconds. */
  readonly made: number;
}

/** The parts of the answer to a question. */
export interface Makers {
  list(): Promise<string>;
  health(): Promise<string>;
  /** May be an earlier answer. */
  stats(): Promise<Answer>;
}

type PartName = keyof Makers;
const PARTS: readonly PartName[] = ["list", "health", "stats"];

interface Part extends Answer {
  readonly event: PartName | "problem";
  /** A problem that may pass although the stores don't change. */
  readonly mayPass?: boolean;
}

/** Until when the list and the counts are those that were sent, ISO 8601, UTC; null for one that could not be made. */
export interface Unchanged {
  readonly list: string;
  readonly stats: string | null;
}

/** What is known of the stores. Epoch seconds. */
interface Marks {
  /** Answers that were made since then have every change. */
  settled: number;
  /** The last look. */
  looked: number;
}

interface LiveParts extends Pick<ServerParts, "clock" | "failed"> {
  /** `markOf` of the stores. */
  mark(): Promise<string>;
}

/** What any number of streams ask, and the newest answer. */
class Question {
  readonly #makers: Makers;
  readonly #every: number;
  readonly #live: LiveParts;
  readonly #marks: Readonly<Marks>;
  readonly #parts = new Map<PartName, Part>();
  /** Monotonic. */
  #due = 0;
  #isCounting = false;
  /** Of streams that wait for the next look. */
  readonly #waiting = new Set<AbortController>();
  streams = 0;

  /** @param every seconds between two answers, at least */
  constructor(makers: Makers, every: number, live: LiveParts, marks: Readonly<Marks>) {
    this.#makers = makers;
    this.#every = every;
    this.#live = live;
    this.#marks = marks;
  }

  /** Makes the parts that may have changed. */
  async look(): Promise<void> {
    const { clock } = this.#live;
    const began = clock.monotonic();
    if (began < this.#due || (!this.#isBehind("list") && !this.#isBehind("stats"))) return;
    if (this.#isBehind("list")) await Promise.all([this.#make("list"), this.#make("health")]);
    if (this.#isBehind("stats")) void this.#count();
    this.#due = clock.monotonic() + restAfter(began, this.#every, clock);
    this.#notify();
  }

  /** Sends each part when it has changed, and otherwise the time until when nothing has. */
  async follow(stream: SSEStreamingApi, signal: AbortSignal): Promise<void> {
    const sent = new Map<PartName, string>();
    while (!signal.aborted) {
      const looked = new AbortController();
      this.#waiting.add(looked);
      let isNews = false;
      for (const name of PARTS) {
        const part = this.#parts.get(name);
        if (part === undefined || part.json === sent.get(name)) continue;
        sent.set(name, part.json);
        isNews = true;
        await stream.writeSSE({
          event: part.event,
          data: `{"at":${JSON.stringify(this.#asOf(part))},${part.json.slice(1)}`,
        });
      }
      const [list, stats] = [this.#timeOf("list"), this.#timeOf("stats")];
      const unchanged = { list, stats } as Unchanged;
      if (!isNews && list !== null) await stream.writeSSE({ event: "unchanged", data: JSON.stringify(unchanged) });
      await this.#live.clock.sleep(HEARTBEAT_S * 1000, [signal, looked.signal]);
      this.#waiting.delete(looked);
    }
  }

  /** Counting may take long, so nothing waits for it. */
  async #count(): Promise<void> {
    if (this.#isCounting) return;
    this.#isCounting = true;
    const before = this.#parts.get("stats")?.json;
    await this.#make("stats");
    this.#isCounting = false;
    if (this.#parts.get("stats")!.json !== before) this.#notify();
  }

  async #make(name: PartName): Promise<void> {
    const made = this.#live.clock.now();
    let part: Part;
    try {
      const answer = await this.#makers[name]();
      part = { event: name, ...(typeof answer === "string" ? { json: answer, made } : answer) };
    } catch (error) {
      const problem = problemOf(error);
      if (problem.code === "INTERNAL") this.#live.failed(error);
      part = { event: "problem", json: JSON.stringify({ of: name, ...problem }), made, mayPass: problem.status >= 500 };
    }
    this.#parts.set(name, part);
  }

  #isBehind(name: PartName): boolean {
    const part = this.#parts.get(name);
    if (part === undefined || part.mayPass) return true;
    return part.made < Math.max(this.#marks.settled, this.#marks.looked - CHECK_EVERY_S);
  }

  #timeOf(name: PartName): string | null {
    const part = this.#parts.get(name);
    return part === undefined || part.event === "problem" ? null : this.#asOf(part);
  }

  #asOf({ made }: Part): string {
    return formatUtc(made >= this.#marks.settled ? Math.max(made, this.#marks.looked) : made);
  }

  #notify(): void {
    for (const looked of this.#waiting) looked.abort();
  }
}

/** Looks at the stores for all streams together, while there are any. */
export class Live {
  readonly #parts: LiveParts;
  readonly #questions = new Map<string, Question>();
  readonly #marks: Marks = { settled: Number.NEGATIVE_INFINITY, looked: Number.NEGATIVE_INFINITY };
  /** Null if it isn't known. */
  #mark: string | null = null;
  #isLooking = false;
  #wake = new AbortController();

  constructor(parts: LiveParts) {
    this.#parts = parts;
  }

  /** Sends what is asked until the signal. Streams with the same `key` and `every` share their answers. */
  async follow(
    key: string,
    makers: Makers,
    every: number,
    stream: SSEStreamingApi,
    signal: AbortSignal,
  ): Promise<void> {
    const shared = JSON.stringify([key, every]);
    const question = this.#questions.get(shared) ?? new Question(makers, every, this.#parts, this.#marks);
    this.#questions.set(shared, question);
    question.streams++;
    this.#wake.abort();
    if (!this.#isLooking) void this.#look();
    try {
      await question.follow(stream, signal);
    } finally {
      question.streams--;
      if (question.streams === 0) this.#questions.delete(shared);
    }
  }

  async #look(): Promise<void> {
    const { clock } = this.#parts;
    this.#isLooking = true;
    while (this.#questions.size > 0) {
      this.#wake = new AbortController();
      const began = clock.monotonic();
      await this.#readMark();
      for (const question of this.#questions.values()) await question.look();
      await clock.sleep(restAfter(began, LOOK_EVERY_S, clock) * 1000, this.#wake.signal);
    }
    this.#isLooking = false;
  }

  async #readMark(): Promise<void> {
    const now = this.#parts.clock.now();
    const mark = await this.#parts.mark().catch(() => null);
    if (mark === null || mark !== this.#mark) this.#marks.settled = now + LATELY_S;
    this.#mark = mark;
    this.#marks.looked = now;
  }
}
