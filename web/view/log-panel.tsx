import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Api } from "../api/api.ts";
import { Failure, orFailure } from "../api/failure.ts";
import type { Row } from "../model/row.ts";
import { useApp, useMessages } from "./context.ts";
import { Icon, Lines, Notice } from "./parts.tsx";
import { Scrollable } from "./scrollable.tsx";

/** Of a longer log, and of a longer line, only the end and the beginning. */
const MOST_LINES = 1000;
const LONGEST_LINE = 2000;
const RETRY_MS = 3_000;

type State = "reading" | "following" | "finished" | "gone" | "stopped" | "lost" | Failure;

/** The last lines of a task's log, and new ones as they come. */
export function LogPanel({ row }: { row: Row }) {
  const { api, followed } = useApp();
  const text = useMessages();
  const { lines, state } = useLog(row);
  const isFollowing = followed.value === row.key;
  const hasLog = lines.length > 0;
  const content = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  const note = ({ currentTarget: box }: { currentTarget: HTMLElement }) => {
    isAtEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < 8;
  };
  useLayoutEffect(() => {
    const box = content.current?.closest(".scrollable");
    if (box && isAtEnd.current) box.scrollTop = box.scrollHeight;
  }, [lines]);
  return (
    <>
      <div class="log-bar">
        <p class="quiet" role="status">
          {state instanceof Failure ? "" : text.logStates[state]}
          {lines.length === 0 && state !== "reading" && state !== "lost" ? ` ${text.noLog}` : ""}
        </p>
        {hasLog || state === "following" || state === "stopped" || state instanceof Failure ? (
          <button
            type="button"
            class="button"
            aria-pressed={isFollowing}
            onClick={() => (followed.value = isFollowing ? null : row.key)}
          >
            {text.follow}
          </button>
        ) : null}
        {hasLog ? (
          <a class="button" href={api.logUrl(row.userId, row.taskId)} download={`${row.taskId}.log`}>
            <Icon name="download" />
            {text.downloadLog}
          </a>
        ) : null}
      </div>
      {state instanceof Failure ? <Notice kind="error" title={text.logFailed} failure={state} /> : null}
      {lines.length === 0 ? null : (
        <Scrollable name={text.logOf(row.taskId)} onScroll={note}>
          <div ref={content} class="log">
            <Lines text={lines.join("\n")} />
          </div>
        </Scrollable>
      )}
    </>
  );
}

/** Whether the tab can't be seen. */
function useHidden(): boolean {
  const isHidden = useSignal(document.hidden);
  useEffect(() => {
    const note = () => {
      isHidden.value = document.hidden;
    };
    document.addEventListener("visibilitychange", note);
    return () => document.removeEventListener("visibilitychange", note);
  }, []);
  return isHidden.value;
}

/** Follows while the tab is visible and no other row's log is followed: a browser opens few connections to one server. */
function useLog({ key, userId, taskId }: Row): { lines: readonly string[]; state: State } {
  const { api, followed } = useApp();
  const lines = useSignal<readonly string[]>([]);
  const state = useSignal<State>("reading");
  const isHidden = useHidden();
  const isFollowed = followed.value === key && !isHidden;
  useEffect(() => {
    followed.value = key;
    return () => {
      if (followed.peek() === key) followed.value = null;
    };
  }, []);
  useEffect(() => {
    if (!isFollowed) {
      if (state.peek() === "following") state.value = "stopped";
      return;
    }
    const question = new AbortController();
    const show = (shown: readonly string[], now: State) => {
      if (question.signal.aborted) return;
      lines.value = shown;
      state.value = now;
    };
    void follow(api, { userId, taskId }, show, question.signal).then(() => {
      if (!question.signal.aborted) followed.value = null;
    });
    return () => question.abort();
  }, [isFollowed]);
  return { lines: lines.value, state: state.value };
}

/** Reads until the task is finished, or the server refuses; a lost connection is made again. */
async function follow(
  api: Pick<Api, "followLog">,
  { userId, taskId }: Pick<Row, "userId" | "taskId">,
  show: (lines: readonly string[], state: State) => void,
  signal: AbortSignal,
): Promise<void> {
  let shown: readonly string[] = [];
  const read = async (): Promise<State> => {
    let path = "";
    let lines: string[] = [];
    for await (const { event, data } of api.followLog(userId, taskId, signal)) {
      if (event === "end") return data.reason === "finished" || data.reason === "gone" ? data.reason : "lost";
      if (event === "note") lines = [...lines, `— ${data} —`];
      if (event === "lines") {
        if (path !== "" && data.path !== path) lines = [...lines, `==> ${data.path} <==`];
        path = data.path;
        lines = [...lines, ...data.lines.map(shownLine)].slice(-MOST_LINES);
      }
      shown = lines;
      show(shown, "following");
    }
    return "lost";
  };
  for (;;) {
    const end = await orFailure(read());
    const isLost = end === "lost" || (end instanceof Failure && end.problem === null);
    show(shown, isLost ? "lost" : end);
    if (!isLost || signal.aborted) return;
    await new Promise((over) => setTimeout(over, RETRY_MS));
    if (signal.aborted) return;
  }
}

/** Colours and other sequences of a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they begin with ESC
const CONTROLS = /\u001b\[[0-9;?]*[ -/]*[@-~]/g;

/** Without colours; of a progress bar only its end. */
function shownLine(whole: string): string {
  const line = whole.replace(CONTROLS, "");
  const last = line.slice(line.lastIndexOf("\r") + 1);
  return last.length > LONGEST_LINE ? `${last.slice(0, LONGEST_LINE).toWellFormed()}…` : last;
}
