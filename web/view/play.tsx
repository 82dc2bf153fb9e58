import { useSignal } from "@preact/signals";
import type { Download } from "../model/files.ts";
import type { Row } from "../model/row.ts";
import { useApp, useMessages } from "./context.ts";
import { Icon } from "./parts.tsx";

/** Plays the first audio of a task that is done; its files are asked for only then. */
export function PlayTask({ row }: { row: Row }) {
  const { player } = useApp();
  const text = useMessages();
  const { play, isBusy } = usePlay(row);
  if (row.status !== "done") return <span class="task-play" />;
  const isPlaying = player.playing.value && player.track.value?.taskKey === row.key;
  return (
    <span class="task-play">
      <button
        type="button"
        class="icon-button"
        aria-label={isPlaying ? text.pauseTask(row.taskId) : text.playTask(row.taskId)}
        aria-busy={isBusy}
        onClick={() => (isPlaying ? player.pause() : void play())}
      >
        <Icon name={isPlaying ? "pause" : "play"} />
      </button>
    </span>
  );
}

/** Where there is nothing to play the row is opened: it says what files there are, or why that cannot be told. */
function usePlay(row: Row): { play(): Promise<void>; isBusy: boolean } {
  const { api, player, opened, announce } = useApp();
  const text = useMessages();
  const isBusy = useSignal(false);
  const play = async () => {
    isBusy.value = true;
    const files = await api.files(row.userId, row.taskId).catch(() => []);
    isBusy.value = false;
    const file = files.find(({ audio }) => audio);
    if (file !== undefined) return player.play(trackOf(row, file));
    opened.open(row.key);
    announce(text.noAudio(row.taskId));
  };
  return { play, isBusy: isBusy.value };
}

export function trackOf({ key, userId, taskId }: Row, file: Download) {
  return { taskKey: key, userId, taskId, file };
}
