import { useSignal } from "@preact/signals";
import type { Download } from "../model/files.ts";
import type { Row } from "../model/row.ts";
import { useApp, useMessages } from "./context.ts";
import { Icon } from "./icon.tsx";

/** Plays the first audio of a task that is done; its files are asked for only then. */
export function PlayTask({ row }: { row: Row }) {
  const { api, player, announce } = useApp();
  const text = useMessages();
  const isBusy = useSignal(false);
  if (row.status !== "done") return <span class="task-play" />;
  const isPlaying = player.playing.value && player.track.value?.taskKey === row.key;

  const play = async () => {
    if (isPlaying) return player.pause();
    isBusy.value = true;
    try {
      const file = (await api.files(row.userId, row.taskId)).find(({ audio }) => audio);
      if (file === undefined) announce(text.noAudio(row.taskId));
      else player.play(trackOf(row, file));
    } catch {
      announce(text.noAudio(row.taskId));
    } finally {
      isBusy.value = false;
    }
  };
  return (
    <span class="task-play">
      <button
        type="button"
        class="icon-button"
        aria-label={isPlaying ? text.pauseTask(row.taskId) : text.playTask(row.taskId)}
        aria-busy={isBusy.value}
        onClick={play}
      >
        <Icon name={isPlaying ? "pause" : "play"} />
      </button>
    </span>
  );
}

export function trackOf({ key, userId, taskId }: Row, file: Download) {
  return { taskKey: key, userId, taskId, file };
}
