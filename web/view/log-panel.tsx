import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Failure, orFailure } from "../api/failure.ts";
import type { Row } from "../model/row.ts";
import { DownloadLink } from "./audio.tsx";
import { useApp } from "./context.ts";
import { Button, Lines, Notice, Scrollable } from "./parts.tsx";

/** Of a longer log, and of a longer line, only the end and the beginning. */
const MOST_LINES = 1000;
const LONGEST_LINE = 2000;
const RETRY_MS = 3_000;

type State = "reading" | "following" | "finished" | "gone" | "stopped" | "lost" | Failure;

/** The last lines of a task's log, and new ones as they come. */
export function LogPanel({ row }: { row: Row }) {
  const { api, followed, text } = useApp();
  const { lines, state } = useLog(row);
  const isFollowing = followed.value === row.key;
  const turn = () => (followed.value = isFollowing ? null : row.key);
  const hasLog = lines.length > 0;
  const mayFollow = hasLog || state instanceof Failure || state === "following" || state === "stopped";
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
          {state instanceof Failure ? "" : state === "reading" ? text.reading : text.logStates[state]}
          {!hasLog && state !== "reading" && state !== "lost" ? ` ${text.noLog}` : ""}
        </p>
        {mayFollow && <Button label={text.follow} aria-pressed={isFollowing} press={turn} />}
        {hasLog && <DownloadLink url={api.logUrl(row)} name={`${row.taskId}.log`} label={text.downloadLog} />}
      </div>
      {state instanceof Failure && <Notice kind="error" title={text.logFailed} failure={state} />}
      {hasLog && (
        <Scrollable name={text.logOf(row.taskId)} onScroll={note}>
          <div ref={content} class="log">
            <Lines text={lines.join("\n")} />
          </div>
        </Scrollable>
      )}
    </>
  );
}

/** Follows while the tab is visible and no other row's log is followed: a browser opens few connections to one server. */
function useLog(row: Row): { lines: readonly string[]; state: State } {
  const { api, followed, refresher } = useApp();
  const lines = useSignal<readonly string[]>([]);
  const state = useSignal<State>("reading");
  const isFollowed = followed.value === row.key && !refresher.isHidden.value;
  useEffect(() => {
    followed.value = row.key;
    return () => {
      if (followed.peek() === row.key) followed.value = null;
    };
  }, []);
  /** Reads once, until the server ends it or the connection is lost. */
  const read = async (signal: AbortSignal): Promise<State> => {
    let path = "";
    let shown: string[] = [];
    for await (const { event, data } of api.followLog(row, signal)) {
      if (signal.aborted) return "stopped";
      if (event === "end") return data.reason === "finished" || data.reason === "gone" ? data.reason : "lost";
      if (event === "note") shown = [...shown, `— ${data} —`];
      if (event === "lines") {
        if (path !== "" && data.path !== path) shown = [...shown, `==> ${data.path} <==`];
        path = data.path;
        shown = [...shown, ...data.lines.map(shownLine)].slice(-MOST_LINES);
      }
      lines.value = shown;
      state.value = "following";
    }
    return "lost";
  };
  /** Reads until the task is finished, or the server refuses; a lost connection is made again. */
  const follow = async (signal: AbortSignal) => {
    for (;;) {
      const end = await orFailure(read(signal));
      if (signal.aborted) return;
      const isLost = end === "lost" || (end instanceof Failure && end.problem === null);
      state.value = isLost ? "lost" : end;
      if (!isLost) break;
      await new Promise((over) => setTimeout(over, RETRY_MS));
      if (signal.aborted) return;
    }
    followed.value = null;
  };
  useEffect(() => {
    const question = new AbortController();
    if (isFollowed) void follow(question.signal);
    else if (state.peek() === "following") state.value = "stopped";
    return () => question.abort();
  }, [isFollowed]);
  return { lines: lines.value, state: state.value };
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
