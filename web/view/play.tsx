import { type ReadonlySignal, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Failure, orFailure } from "../api/failure.ts";
import type { Download } from "../model/files.ts";
import type { Row } from "../model/row.ts";
import { useApp, useMessages } from "./context.ts";
import { Icon } from "./parts.tsx";

/** Plays the first audio of a task that is done, or says that it has none. */
export function PlayTask({ row }: { row: Row }) {
  const text = useMessages();
  const slot = useRef<HTMLSpanElement>(null);
  const audio = useAudio(row, slot).value;
  return (
    <span class="task-play" ref={slot}>
      {row.status !== "done" || audio === undefined ? null : audio === null ? (
        <span class="no-audio">{text.noAudio}</span>
      ) : (
        <PlayButton row={row} audio={audio} />
      )}
    </span>
  );
}

/** The file to play; null for none, undefined until it is known, a Failure if the server could not say. */
type Audio = Download | null | undefined | Failure;

/** The server reads the disk for it, so it is asked only once the row is in sight, and again when its task changed. */
function useAudio(row: Row, slot: RefObject<Element | null>): ReadonlySignal<Audio> {
  const { audioFinder } = useApp();
  const found = useSignal<Audio>(undefined);
  useEffect(() => {
    if (row.status !== "done") return;
    const question = new AbortController();
    const sight = new IntersectionObserver(async (entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      sight.disconnect();
      const answer = await orFailure(audioFinder.find(row, question.signal));
      if (!question.signal.aborted) found.value = answer;
    });
    sight.observe(slot.current!);
    return () => {
      sight.disconnect();
      question.abort();
    };
  }, [row.status, row.updatedAt]);
  return found;
}

function PlayButton({ row, audio }: { row: Row; audio: Download | Failure }) {
  const { player } = useApp();
  const text = useMessages();
  const { ask, isBusy } = useSecondQuestion(row);
  const isPlaying = player.playing.value && player.track.value?.taskKey === row.key;
  const press = () => {
    if (isPlaying) player.pause();
    else if (audio instanceof Failure) void ask();
    else player.play(trackOf(row, audio));
  };
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={isPlaying ? text.pauseTask(row.taskId) : text.playTask(row.taskId)}
      aria-busy={isBusy}
      onClick={press}
    >
      <Icon name={isPlaying ? "pause" : "play"} />
    </button>
  );
}

/** Asks again for the audio. If there is nothing to play the row is opened: it says what files there are, or why not. */
function useSecondQuestion(row: Row): { ask(): Promise<void>; isBusy: boolean } {
  const { audioFinder, player, opened, toggle, announce } = useApp();
  const text = useMessages();
  const isBusy = useSignal(false);
  const ask = async () => {
    isBusy.value = true;
    const audio = await orFailure(audioFinder.find(row));
    isBusy.value = false;
    if (audio !== null && !(audio instanceof Failure)) return player.play(trackOf(row, audio));
    if (!opened.has(row.key)) toggle(row);
    announce(text.noAudioOf(row.taskId));
  };
  return { ask, isBusy: isBusy.value };
}

export function trackOf({ key, userId, taskId }: Row, file: Download) {
  return { taskKey: key, userId, taskId, file };
}
